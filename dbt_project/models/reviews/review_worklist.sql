with

cases as (
    select * from {{ ref('fct_rectification') }}
),

reviews as (
    select * from {{ ref('fct_review') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
),

departments as (
    select * from {{ ref('dim_department') }}
),

items as (
    select * from {{ ref('dim_service_item') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

days as (
    select * from {{ ref('dim_date') }}
),

policies as (
    select
        policy,
        version,
        max(bad_level_max) as bad_level_max
    from {{ ref('dim_review_policy') }}
    group by policy, version
),

-- What was rectified after a visit that left the resident dissatisfied has to be visited again.
followed as (
    select
        cases.*,
        coalesce(cases.finding, '') = 'not_true' as is_not_true,
        cases.is_revisited
        and (not cases.is_rectified or cases.revisited_at >= cases.rectified_at) as is_visited,
        coalesce(cases.revisit_level <= policies.bad_level_max, false) as is_still_dissatisfied
    from cases
    left join policies
        on
            cases.policy = policies.policy
            and cases.policy_version = policies.version
    where cases.is_accepted
),

stepped as (
    select
        followed.*,
        case
            when state = 'reopened' then 'rectify_again'
            when state = 'not_received' then 'receive'
            when finding is null and not is_rectified then 'verify'
            when not is_rectified and (not is_not_true or appeal = 'dismissed') then 'rectify'
            when not is_replied then 'reply'
            when not is_rectified and appeal = 'none' then 'appeal_or_rectify'
            when not is_rectified then 'await_appeal_decision'
            when coalesce(is_named, false) and not is_visited then 'revisit'
            when is_visited and is_still_dissatisfied and second_review_level is null then 'rectify_again'
        end as next_step
    from followed
),

-- No policy sets a day for a second rectification; what waits for others is nobody's delay.
timed as (
    select
        stepped.*,
        case next_step
            when 'reply' then reply_due_on
            when 'revisit' then revisit_due_on
            when 'rectify_again' then null
            when 'await_appeal_decision' then null
            else due_on
        end as step_due_on
    from stepped
    where next_step is not null
),

final as (
    select
        timed.review_id,
        timed.department_code,
        departments.name_zh as department_name,
        case
            when timed.next_step = 'await_appeal_decision' then 'waiting'
            when timed.step_due_on is null then 'no_deadline'
            when timed.step_due_on < {{ run_date() }} then 'overdue'
            when timed.step_due_on = {{ run_date() }} then 'due_today'
            when timed.step_due_on <= {{ add_days(run_date(), '7') }} then 'this_week'
            else 'later'
        end as bucket,
        timed.next_step,
        timed.step_due_on as due_on,
        cast(due_day.workday_no - today.workday_no as bigint) as working_days_left,
        timed.state,
        timed.finding,
        timed.appeal,
        timed.service_item_code,
        items.name_zh as service_item_name,
        timed.division_code,
        divisions.full_name as division_name,
        timed.facility_id,
        facilities.name as facility_name,
        contacts.window_no,
        timed.is_named,
        timed.reviewed_on,
        timed.level,
        reviews.tags,
        timed.bad_reviews_same_item_unit,
        timed.is_repeated,
        timed.problem,
        timed.policy,
        timed.policy_version,
        -- Not published: by these the department finds the case; they stand in its own workbook alone.
        {{ sent_number('contacts.case_no') }} as case_no,
        contacts.contact_no,
        reviews.review_no
    from timed
    left join reviews on timed.review_id = reviews.review_id
    left join contacts on timed.contact_id = contacts.contact_id
    left join departments on timed.department_code = departments.department_code
    left join items on timed.service_item_code = items.service_item_code
    left join divisions on timed.division_code = divisions.division_code
    left join facilities on timed.facility_id = facilities.facility_id
    left join days as due_day on timed.step_due_on = due_day.date_day
    left join days as today on today.date_day = {{ run_date() }}
)

select * from final
