{{ config(
    materialized=kept(),
    pre_hook="{{ take_out('(case_no, contact_no) in (select case_no, contact_no from ' ~ ref('review_delta') ~ ')') }}",
    post_hook="{{ say_updated() }}",
) }}
{%- set sent_columns = [
    'case_no', 'contact_no', 'review_no', 'level', 'tags', 'has_comment', 'channel_code', 'reviewed_at', 'reviewer_key',
    'is_default', 'is_update', 'is_withdrawn', '_sender', '_receipt', '_row', '_received_at',
] -%}
{{ after('review_delta') }}
with

reviews as (
    select * from {{ ref('sent_reviews') }}
    {{ of_touched_contacts() }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
    {{ of_touched_contacts() }}
),

rectifications as (
    select * from {{ ref('sent_rectifications') }}
    {{ of_touched_contacts() }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

-- Nearly every key comes once: only the others need to be put in order.
repeated_keys as (
    select
        case_no,
        contact_no,
        review_no
    from {{ ref('sent_reviews') }}
    {{ of_touched_contacts() }}
    group by case_no, contact_no, review_no
    having count(*) > 1
),

-- What was sent first under a key says whose review it is; silence is no answer, so a default never comes first. The same
-- person's later row, or a record that says it updates, corrects it; anything else under the key is a duplicate.
first_sent as (
    select
        {%- for column in sent_columns %}
        reviews.{{ column }},
        {%- endfor %}
        reviews._sender || '|' || coalesce(reviews.reviewer_key, '') || '|' || reviews.channel_code as own_origin,
        first_value(reviews._sender || '|' || coalesce(reviews.reviewer_key, '') || '|' || reviews.channel_code) over (
            partition by reviews.case_no, reviews.contact_no, reviews.review_no
            order by reviews.is_default, reviews._received_at, reviews._receipt, reviews._row
        ) as first_origin
    from reviews
    inner join repeated_keys
        on
            reviews.case_no = repeated_keys.case_no
            and reviews.contact_no = repeated_keys.contact_no
            and reviews.review_no = repeated_keys.review_no
),

sent as (
    select
        first_sent.*,
        -- Nobody corrects or takes back what another sender sent.
        case
            when is_update and substr(first_origin, 1, length(_sender) + 1) = _sender || '|' then first_origin
            else own_origin
        end as origin,
        max(case when is_withdrawn then _row end) over (
            partition by case_no, contact_no, review_no, _receipt
        ) as withdrawn_in_row
    from first_sent
),

-- A record says whether it is new, corrects or withdraws (GB/T 39046); one that is new after a withdrawal begins again.
ordered as (
    select
        sent.*,
        case when is_update or _row > withdrawn_in_row then 0 else 1 end as is_plain
    from sent
),

-- Within one delivery the last record that corrects, withdraws or begins again counts, else the earliest row; between deliveries
-- of one origin the newest delivery does. Silence takes no answer's place.
numbered as (
    select
        ordered.*,
        row_number() over (
            partition by case_no, contact_no, review_no, origin
            order by
                is_default asc, _received_at desc, _receipt desc, is_plain asc,
                (case when is_plain = 0 then -_row else _row end) asc
        ) as newest_of_origin,
        row_number() over (
            partition by case_no, contact_no, review_no
            order by
                (case when origin = first_origin then 0 else 1 end) asc,
                is_default asc, _received_at desc, _receipt desc, is_plain asc,
                (case when is_plain = 0 then -_row else _row end) asc
        ) as occurrence,
        row_number() over (
            partition by case_no, contact_no, review_no, origin, _receipt, is_plain
            order by _row
        ) as copy_in_delivery,
        -- What was said first is not unsaid by whoever sends it again.
        min(level) over (partition by case_no, contact_no, review_no, origin) as worst_level
    from ordered
),

-- A row that its own later delivery replaced is history (it stays in accepted/); a copy is a duplicate and stays here.
kept as (
    select
        {{ sent_columns | join(',\n        ') }},
        occurrence,
        worst_level
    from numbered
    where newest_of_origin = 1 or (copy_in_delivery > 1 and is_plain = 1) or origin <> first_origin
    union all
    select
        {%- for column in sent_columns %}
        reviews.{{ column }},
        {%- endfor %}
        1 as occurrence,
        reviews.level as worst_level
    from reviews
    left join repeated_keys
        on
            reviews.case_no = repeated_keys.case_no
            and reviews.contact_no = repeated_keys.contact_no
            and reviews.review_no = repeated_keys.review_no
    where repeated_keys.case_no is null
),

findings as (
    {{ newest_row('rectifications', key=['case_no', 'contact_no', 'review_no']) }}
),

matched as (
    select
        {%- for column in sent_columns if column not in ('is_update', '_row', '_received_at') %}
        kept.{{ column }},
        {%- endfor %}
        kept.occurrence > 1 as is_duplicate,
        kept.worst_level,
        findings._sender as finding_sender,
        contacts.contact_id,
        coalesce(contacts.department_code, 'unknown') as department_code,
        coalesce(contacts.service_item_code, 'unknown') as service_item_code,
        coalesce(contacts.division_code, 'unknown') as division_code,
        contacts.facility_id,
        contacts.window_no,
        contacts.contact_channel,
        contacts.closed_at,
        contacts.closed_month,
        contacts.is_named,
        cast(kept.reviewed_at as date) as reviewed_on,
        cast(contacts.opened_at as date) as opened_on,
        -- Malicious is what somebody decided on a day, not what somebody suspects.
        case
            when findings.finding <> 'malicious' or findings.malicious_decided_at is not null then findings.finding
        end as finding,
        findings.malicious_decided_at,
        findings.appeal,
        findings.appealed_at,
        findings.appeal_decided_at,
        {{ text_key(['kept.case_no', 'kept.contact_no', 'kept.review_no', 'kept.occurrence']) }} as review_id
    from kept
    left join contacts
        on
            kept.case_no = contacts.case_no
            and kept.contact_no = contacts.contact_no
    left join findings
        on
            kept.case_no = findings.case_no
            and kept.contact_no = findings.contact_no
            and kept.review_no = findings.review_no
),

places as (
    select distinct division_code from {{ ref('fct_contact') }}
    {{ of_touched_contacts() }}
    union distinct
    select 'unknown' as division_code
),

-- Between two turns of any policy one and the same is in force in a place.
turns as (
    select valid_from as turned_on from policies
    union distinct
    select {{ add_days('valid_to', 1) }} as turned_on
    from policies
    where valid_to < cast('9999-12-31' as date)
),

periods as (
    select
        turned_on,
        coalesce(
            {{ add_days('lead(turned_on) over (order by turned_on)', -1) }}, cast('9999-12-31' as date)
        ) as holds_to
    from turns
),

place_periods as (
    select
        places.division_code as place_code,
        periods.turned_on,
        periods.holds_to
    from places
    cross join periods
),

placed_policies as (
    {{ in_force(
        'place_periods', 'policies', key=['place_code', 'turned_on', 'holds_to'], day='turned_on', division='place_code'
    ) }}
),

judged as (
    select
        matched.*,
        policies.policy,
        policies.version as policy_version,
        policies.area as policy_area,
        policies.valid_from as policy_from,
        policies.silence_level,
        policies.silence_days,
        policies.review_window_days,
        {{ days_between('cast(matched.closed_at as date)', 'matched.reviewed_on') }} as days_after_close,
        {{ seconds_between('matched.closed_at', 'matched.reviewed_at') }} as lag_seconds,
        case
            when matched.level = 5 then policies.points_5
            when matched.level = 4 then policies.points_4
            when matched.level = 3 then policies.points_3
            when matched.level = 2 then policies.points_2
            when matched.level = 1 then policies.points_1
        end as points,
        matched.level >= policies.good_level_min as is_good,
        matched.level >= policies.strict_good_level_min as is_strictly_good,
        matched.level <= policies.bad_level_max as is_bad,
        case
            when matched.contact_id is null and not matched.is_duplicate and not matched.is_withdrawn then 'no_contact'
            when matched.is_default then 'default'
            when matched.is_duplicate then 'duplicate'
            when matched.is_withdrawn then 'withdrawn'
            when matched.appeal = 'upheld' then 'appeal_upheld'
            when matched.appeal = 'filed' and policies.open_appeal_counts = 0 then 'appeal_filed'
            when matched.finding in ('malicious', 'mistaken') then matched.finding
            when matched.level is null then 'level_unknown'
            when policies.policy is null then 'no_policy'
            when matched.closed_at is null or matched.reviewed_at < matched.closed_at then 'before_close'
            -- A follow-up answers the rectification: the window is that of the first review.
            when
                matched.review_no = 1
                and {{ days_between('cast(matched.closed_at as date)', 'matched.reviewed_on') }} > policies.review_window_days
                then 'after_window'
            else 'valid'
        end as validity
    from matched
    left join placed_policies as policies
        on
            matched.division_code = policies.place_code
            and matched.reviewed_on between policies.turned_on and policies.holds_to
),

final as (
    select
        review_id,
        contact_id,
        case_no,
        contact_no,
        cast(review_no as bigint) as review_no,
        reviewed_at,
        reviewed_on,
        closed_month as contact_month,
        -- A review counts in the month its contact closed, so that it stands beside the contacts it is a share of.
        -- Nor before it opened, whatever day the review is dated.
        coalesce(closed_month, {{ month_start('greatest(reviewed_on, opened_on)') }}) as counted_month,
        department_code,
        service_item_code,
        division_code,
        facility_id,
        coalesce(facility_id, division_code) as place,
        window_no,
        contact_channel,
        channel_code,
        is_named,
        cast(level as bigint) as level,
        case
            when validity = 'default' or level is null then null
            when is_bad then 'bad'
            when is_good then 'good'
            else 'neither'
        end as verdict,
        validity <> 'default' and coalesce(is_strictly_good, false) as is_strictly_good,
        cast(points as double) as points,
        validity,
        tags,
        has_comment,
        reviewer_key,
        policy,
        policy_version,
        policy_area,
        policy_from,
        _sender as sender,
        _receipt as receipt,
        case
            when validity in ('appeal_upheld', 'malicious', 'mistaken') then finding_sender
            when validity = 'withdrawn' then _sender
        end as decided_by,
        cast(worst_level as bigint) as worst_level,
        -- Times given to the minute cannot show a lag to the second.
        case
            when extract(second from reviewed_at) <> 0 or extract(second from closed_at) <> 0 then lag_seconds
        end as lag_seconds,
        case validity
            when 'default'
                then
                    '{"level": ' || coalesce(cast(level as string), 'null')
                    || ', "policy_level": ' || coalesce(cast(cast(silence_level as bigint) as string), 'null')
                    || ', "days": ' || coalesce(cast(days_after_close as string), 'null')
                    || ', "policy_days": ' || coalesce(cast(cast(silence_days as bigint) as string), 'null') || '}'
            when 'duplicate'
                then '{"counted_review": "' || {{ text_key(['case_no', 'contact_no', 'review_no', "'1'"]) }} || '"}'
            when 'appeal_upheld' then {{ day_fact('decided_on', 'appeal_decided_at') }}
            when 'appeal_filed' then {{ day_fact('filed_on', 'appealed_at') }}
            when 'malicious' then {{ day_fact('decided_on', 'malicious_decided_at') }}
            when 'mistaken' then '{"finding": "mistaken"}'
            when 'withdrawn' then '{"record_action": "D"}'
            when 'no_contact' then '{"contacts_found": 0}'
            when 'no_policy' then {{ day_fact('no_policy_on', 'reviewed_on') }}
            when 'before_close' then '{"seconds_before_close": ' || coalesce(cast(-lag_seconds as string), 'null') || '}'
            when 'after_window'
                then
                    '{"days": ' || cast(days_after_close as string)
                    || ', "policy_days": ' || cast(cast(review_window_days as bigint) as string) || '}'
        end as validity_evidence
    from judged
)

select * from final
