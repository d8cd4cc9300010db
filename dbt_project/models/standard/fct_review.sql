with

reviews as (
    select * from {{ ref('stg_evaluation__reviews') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
),

rectifications as (
    select * from {{ ref('stg_evaluation__rectifications') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

-- What was sent first under a key says whose review it is. The same person's later row, or a record that says it
-- updates, corrects it; anything else under the key is a duplicate.
first_sent as (
    select
        reviews.*,
        _sender || '|' || coalesce(reviewer_key, '') || '|' || channel_code as own_origin,
        first_value(_sender || '|' || coalesce(reviewer_key, '') || '|' || channel_code) over (
            partition by case_no, contact_no, review_no
            order by _received_at, _receipt, _row
        ) as first_origin
    from reviews
),

sent as (
    select
        first_sent.*,
        case when is_update then first_origin else own_origin end as origin
    from first_sent
),

-- Within one delivery the earliest row counts; between deliveries of one origin the newest delivery does.
numbered as (
    select
        sent.*,
        row_number() over (
            partition by case_no, contact_no, review_no, origin
            order by _received_at desc, _receipt desc, _row asc
        ) as newest_of_origin,
        row_number() over (
            partition by case_no, contact_no, review_no
            order by
                (case when origin = first_origin then 0 else 1 end) asc,
                _received_at desc, _receipt desc, _row asc
        ) as occurrence,
        row_number() over (
            partition by case_no, contact_no, review_no, origin, _receipt
            order by _row
        ) as copy_in_delivery
    from sent
),

-- A row that its own later delivery replaced is history (it stays in accepted/); a copy is a duplicate and stays here.
kept as (
    select
        numbered.*,
        occurrence > 1 as is_duplicate
    from numbered
    where newest_of_origin = 1 or copy_in_delivery > 1 or origin <> first_origin
),

findings as (
    {{ newest_row('rectifications', key=['case_no', 'contact_no', 'review_no']) }}
),

matched as (
    select
        kept.*,
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
        findings.finding,
        findings.appeal
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
    select distinct
        division_code,
        reviewed_on
    from matched
),

-- The policy of the smallest area around the place that had one in force on the day.
placed_policies as (
    select
        places.division_code,
        places.reviewed_on,
        policies.*,
        row_number() over (
            partition by places.division_code, places.reviewed_on
            order by
                case policies.area
                    when divisions.village_code then 5
                    when divisions.town_code then 4
                    when divisions.county_code then 3
                    when divisions.city_code then 2
                    when divisions.province_code then 1
                    else 0
                end desc,
                policies.valid_from desc
        ) as nearest
    from places
    left join divisions on places.division_code = divisions.division_code
    inner join policies
        on
            places.reviewed_on between policies.valid_from and policies.valid_to
            and (
                policies.area = ''
                or policies.area in (
                    divisions.province_code, divisions.city_code, divisions.county_code,
                    divisions.town_code, divisions.village_code
                )
            )
),

judged as (
    select
        matched.*,
        policies.policy,
        policies.version as policy_version,
        policies.area as policy_area,
        policies.burst_gap_seconds,
        policies.burst_min_reviews,
        policies.reviewer_daily_limit,
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
            when matched.contact_id is null then 'no_contact'
            when matched.is_default then 'default'
            when matched.is_duplicate then 'duplicate'
            when matched.is_withdrawn then 'withdrawn'
            when matched.appeal = 'upheld' then 'appeal_upheld'
            when matched.finding in ('malicious', 'mistaken') then matched.finding
            when matched.level is null then 'level_unknown'
            when policies.policy is null then 'no_policy'
            when matched.closed_at is null or matched.reviewed_at < matched.closed_at then 'before_close'
            when
                {{ days_between('cast(matched.closed_at as date)', 'matched.reviewed_on') }} > policies.review_window_days
                then 'after_window'
            else 'valid'
        end as validity
    from matched
    left join placed_policies as policies
        on
            matched.division_code = policies.division_code
            and matched.reviewed_on = policies.reviewed_on
            and policies.nearest = 1
),

-- Five stars at one window with the same tags and no text, each soon after the one before, make a burst.
spaced as (
    select
        judged.*,
        validity = 'valid' and level = 5 and not has_comment and window_no is not null as may_burst,
        lag(reviewed_at) over (
            partition by
                validity = 'valid' and level = 5 and not has_comment and window_no is not null,
                facility_id, window_no, tags
            order by reviewed_at, case_no, contact_no, review_no
        ) as reviewed_before
    from judged
),

started as (
    select
        spaced.*,
        sum(
            case
                when
                    reviewed_before is null
                    or {{ seconds_between('reviewed_before', 'reviewed_at') }} > burst_gap_seconds
                    then 1
                else 0
            end
        ) over (
            partition by may_burst, facility_id, window_no, tags
            order by reviewed_at, case_no, contact_no, review_no
            rows between unbounded preceding and current row
        ) as burst
    from spaced
),

counted as (
    select
        started.*,
        count(*) over (partition by may_burst, facility_id, window_no, tags, burst) as burst_reviews,
        count(*) over (
            partition by reviewer_key, facility_id, window_no, reviewed_on, validity
        ) as reviewer_day_reviews
    from started
),

suspected as (
    select
        counted.*,
        case
            when may_burst and burst_reviews >= burst_min_reviews then 'burst'
            when
                validity = 'valid' and reviewer_key is not null and window_no is not null
                and reviewer_day_reviews > reviewer_daily_limit
                then 'same_reviewer'
        end as suspect_rule
    from counted
),

final as (
    select
        {{ text_key(['case_no', 'contact_no', 'review_no', 'occurrence']) }} as review_id,
        contact_id,
        cast(review_no as bigint) as review_no,
        reviewed_at,
        reviewed_on,
        closed_month as contact_month,
        department_code,
        service_item_code,
        division_code,
        facility_id,
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
        suspect_rule,
        case
            when suspect_rule = 'burst' then cast(burst_reviews as bigint)
            when suspect_rule = 'same_reviewer' then cast(reviewer_day_reviews as bigint)
        end as suspect_evidence,
        validity = 'valid' and suspect_rule is null as is_active,
        tags,
        has_comment,
        policy,
        policy_version,
        policy_area,
        _sender as sender,
        _receipt as receipt
    from suspected
)

select * from final
