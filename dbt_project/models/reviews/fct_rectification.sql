{#- step: the parameters of the policy that say how long it may take and whether only working days count -#}
{%- set steps = {'due_on': 'rectification', 'reply_due_on': 'reply', 'revisit_due_on': 'revisit'} -%}
with

reviews as (
    select * from {{ ref('fct_review') }}
),

rectifications as (
    select * from {{ ref('sent_rectifications') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

days as (
    select * from {{ ref('dim_date') }}
),

revisit_levels as (
    select * from {{ ref('revisit_levels') }}
),

rules as (
    select max(case when parameter = 'repeat_days' then value end) as repeat_days
    from {{ ref('review_reason_rules') }}
),

newest as (
    {{ newest_row('rectifications', key=['case_no', 'contact_no', 'review_no']) }}
),

cases as (
    select
        -- The review that counts under a key is its first occurrence.
        {{ text_key(['case_no', 'contact_no', 'review_no', '1']) }} as review_id,
        {{ text_key(['case_no', 'contact_no']) }} as contact_id,
        newest.*
    from newest
),

bad_reviews as (
    select * from reviews
    where verdict = 'bad' and validity not in ('duplicate', 'withdrawn')
),

follow_ups as (
    select
        contact_id,
        min(case when review_no = 2 then level end) as second_level,
        max(case when verdict = 'bad' then reviewed_at end) as reopened_at
    from reviews
    where review_no > 1 and is_active
    group by contact_id
),

-- A case without a bad review is kept and marked: somebody worked on it.
joined as (
    select
        coalesce(bad_reviews.review_id, cases.review_id) as review_id,
        coalesce(bad_reviews.contact_id, cases.contact_id) as contact_id,
        coalesce(bad_reviews.review_no, cases.review_no) as review_no,
        bad_reviews.review_id is not null as has_bad_review,
        cases.review_id is not null as has_case,
        coalesce(bad_reviews.department_code, 'unknown') as department_code,
        coalesce(bad_reviews.service_item_code, 'unknown') as service_item_code,
        coalesce(bad_reviews.division_code, 'unknown') as division_code,
        bad_reviews.facility_id,
        bad_reviews.contact_channel,
        bad_reviews.contact_month,
        bad_reviews.is_named,
        bad_reviews.reviewed_at,
        bad_reviews.reviewed_on,
        bad_reviews.level,
        bad_reviews.validity,
        bad_reviews.policy,
        bad_reviews.policy_version,
        bad_reviews.policy_area,
        cases.accepted_at,
        cases.verified_at,
        -- Malicious is what somebody decided on a day, not what somebody suspects.
        case when cases.finding <> 'malicious' or cases.malicious_decided_at is not null then cases.finding end as finding,
        cases.rectified_at,
        cases.replied_at,
        cases.revisited_at,
        cases.revisit_satisfaction,
        cases.appealed_at,
        coalesce(cases.appeal, 'none') as appeal
    from bad_reviews
    full outer join cases on bad_reviews.review_id = cases.review_id
),

-- The clock starts with the review: accepting late must not buy time.
timed as (
    select
        joined.*,
        {%- for due_on, step in steps.items() %}
        case
            when policies.{{ step }}_counts_workdays = 1 then {{ step }}_workday.date_day
            else {{ add_days('joined.reviewed_on', 'policies.' ~ step ~ '_days') }}
        end as {{ due_on }},
        {%- endfor %}
        policies.appeal_days,
        appeal_day.workday_no - review_day.workday_no as workdays_to_appeal
    from joined
    left join policies
        on
            joined.policy = policies.policy
            and joined.policy_version = policies.version
            and joined.policy_area = policies.area
            and {{ holds_on('policies', 'joined.reviewed_on') }}
    left join days as review_day on joined.reviewed_on = review_day.date_day
    left join days as appeal_day on cast(joined.appealed_at as date) = appeal_day.date_day
    {%- for step in steps.values() %}
    left join days as {{ step }}_workday
        on
            {{ step }}_workday.is_workday
            and {{ step }}_workday.workday_no = review_day.workday_no + cast(policies.{{ step }}_days as bigint)
    {%- endfor %}
),

judged as (
    select
        timed.*,
        has_bad_review
        and appeal <> 'upheld'
        and coalesce(finding, '') not in ('malicious', 'mistaken') as is_accepted,
        -- What was done before the review was not done about it; a time given as a bare day may be any hour of it.
        {%- for step in ['rectified', 'replied', 'revisited'] %}
        {{ step }}_at is not null and (
            reviewed_at is null
            or {{ step }}_at >= reviewed_at
            or {{ step }}_at = cast(reviewed_on as timestamp)
        ) as is_{{ step }},
        {%- endfor %}
        cast(rectified_at as date) as rectified_on
    from timed
),

-- Bad reviews of one item at one unit in the days up to this one: the second is a pattern, not an accident.
repeated as (
    select
        judged.review_id,
        count(*) as bad_reviews_same_item_unit
    from judged
    cross join rules
    inner join judged as others
        on
            judged.department_code = others.department_code
            and judged.service_item_code = others.service_item_code
            and coalesce(judged.facility_id, judged.division_code) = coalesce(others.facility_id, others.division_code)
            and {{ add_days('judged.reviewed_on', '-rules.repeat_days') }} < others.reviewed_on
            and judged.reviewed_on >= others.reviewed_on
            and others.is_accepted
    where
        judged.is_accepted
        -- What could not be placed is no unit.
        and judged.service_item_code <> 'unknown'
        and coalesce(judged.facility_id, judged.division_code) <> 'unknown'
    group by judged.review_id
),

final as (
    select
        judged.review_id,
        judged.contact_id,
        judged.department_code,
        judged.service_item_code,
        judged.division_code,
        judged.facility_id,
        judged.contact_channel,
        judged.contact_month,
        judged.is_named,
        judged.reviewed_on,
        judged.level,
        case
            when not judged.has_bad_review then 'no_bad_review'
            {%- for step in ['rectified', 'replied', 'revisited'] %}
            when judged.{{ step }}_at is not null and not judged.is_{{ step }} then '{{ step }}_before_review'
            {%- endfor %}
            when
                judged.is_revisited and not judged.is_rectified
                and coalesce(judged.finding, 'true') in ('true', 'partly_true')
                then 'revisited_before_rectified'
            when judged.workdays_to_appeal > judged.appeal_days then 'appealed_late'
        end as problem,
        case
            when judged.appeal = 'upheld' then 'appeal_upheld'
            when judged.finding in ('malicious', 'mistaken') then judged.finding
            -- The resident says again that it is bad: what was done before is not enough.
            when
                judged.review_no = 1 and follow_ups.reopened_at is not null
                and coalesce(judged.rectified_at < follow_ups.reopened_at, true)
                then 'reopened'
            when judged.is_revisited then 'revisited'
            when judged.is_replied then 'replied'
            when judged.is_rectified then 'rectified'
            when judged.verified_at is not null then 'verified'
            when judged.has_case then 'received'
            else 'not_received'
        end as state,
        judged.is_accepted,
        judged.accepted_at,
        judged.finding,
        judged.due_on,
        judged.reply_due_on,
        judged.revisit_due_on,
        judged.rectified_at,
        judged.is_rectified,
        -- Not yet due and not yet done belongs in neither number of the on-time rate.
        judged.is_accepted and (judged.is_rectified or judged.due_on < {{ run_date() }}) as is_in_on_time_base,
        judged.is_accepted and judged.is_rectified and judged.rectified_on <= judged.due_on as is_on_time,
        judged.is_accepted and not judged.is_rectified and judged.due_on < {{ run_date() }} as is_overdue,
        judged.replied_at,
        judged.is_replied,
        judged.revisited_at,
        judged.is_revisited,
        cast(revisit_levels.level as bigint) as revisit_level,
        follow_ups.second_level as second_review_level,
        case
            when judged.is_accepted then cast(coalesce(repeated.bad_reviews_same_item_unit, 1) as bigint)
        end as bad_reviews_same_item_unit,
        case when judged.is_accepted then coalesce(repeated.bad_reviews_same_item_unit > 1, false) end as is_repeated,
        judged.appeal,
        judged.policy,
        judged.policy_version
    from judged
    left join revisit_levels on judged.revisit_satisfaction = revisit_levels.code
    left join follow_ups on judged.contact_id = follow_ups.contact_id
    left join repeated on judged.review_id = repeated.review_id
)

select * from final
