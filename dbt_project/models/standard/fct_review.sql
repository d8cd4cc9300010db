{%- set thresholds = [
    'burst_gap_seconds', 'burst_min_reviews', 'burst_pace_factor', 'burst_around_seconds', 'reviewer_daily_limit',
    'lag_min_reviews', 'lag_tolerance_seconds', 'lag_neighbourhood_seconds', 'lag_share_min',
    'surge_min_reviews', 'surge_baseline_days', 'surge_baseline_days_min', 'surge_volume_z', 'surge_rating_z',
] -%}
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
        -- Malicious is what somebody decided on a day, not what somebody suspects.
        case
            when findings.finding <> 'malicious' or findings.malicious_decided_at is not null then findings.finding
        end as finding,
        findings.malicious_decided_at,
        findings.appeal,
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
            order by {{ area_nearness('policies.area', 'divisions') }} desc, policies.valid_from desc
        ) as nearest
    from places
    left join divisions on places.division_code = divisions.division_code
    inner join policies
        on
            places.reviewed_on between policies.valid_from and policies.valid_to
            and {{ area_nearness('policies.area', 'divisions') }} is not null
),

judged as (
    select
        matched.*,
        policies.policy,
        policies.version as policy_version,
        policies.area as policy_area,
        {%- for threshold in thresholds %}
        policies.{{ threshold }},
        {%- endfor %}
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
            when matched.contact_id is null then 'no_contact'
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
            matched.division_code = policies.division_code
            and matched.reviewed_on = policies.reviewed_on
            and policies.nearest = 1
),

-- What a rule may read of a review. The counter is a window of a hall, or a department's channel where there is no window.
eligible as (
    select
        review_id,
        reviewer_key,
        reviewed_at,
        reviewed_on,
        closed_month as contact_month,
        coalesce(facility_id, division_code) || '/' || window_no as hall_window,
        coalesce(
            coalesce(facility_id, division_code) || '/' || window_no, department_code || '//' || channel_code
        ) as counter,
        department_code || '/' || coalesce(facility_id, division_code) as unit,
        level,
        coalesce(tags, '') as tags,
        not has_comment as is_wordless,
        -- Times given to the minute cannot show a lag to the second.
        case
            when extract(second from reviewed_at) <> 0 or extract(second from closed_at) <> 0 then lag_seconds
        end as lag_seconds,
        {{ thresholds | join(',\n        ') }}
    from judged
    where validity = 'valid' and review_no = 1
),

-- Rule burst. Five stars at one window with the same tags and no text, each soon after the one before.
spaced as (
    select
        review_id,
        hall_window,
        tags,
        reviewed_at,
        burst_gap_seconds,
        burst_min_reviews,
        burst_pace_factor,
        burst_around_seconds,
        lag(reviewed_at) over (partition by hall_window, tags order by reviewed_at, review_id) as reviewed_before
    from eligible
    where is_wordless and level = 5 and hall_window is not null
),

runs as (
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
            partition by hall_window, tags
            order by reviewed_at, review_id
            rows between unbounded preceding and current row
        ) as run
    from spaced
),

bursts as (
    select
        hall_window,
        tags,
        run,
        count(*) as reviews,
        min(reviewed_at) as first_at,
        max(reviewed_at) as last_at,
        {{ seconds_between('min(reviewed_at)', 'max(reviewed_at)') }} as seconds,
        max(burst_gap_seconds) as gap_seconds,
        max(burst_pace_factor) as pace_factor,
        max(burst_around_seconds) as around_seconds
    from runs
    group by hall_window, tags, run
    having count(*) >= max(burst_min_reviews)
),

-- A busy window is no burst: what matters is how far it outruns the window's other reviews before, during and after.
paced as (
    select
        bursts.hall_window,
        bursts.tags,
        bursts.run,
        bursts.reviews,
        bursts.seconds,
        bursts.gap_seconds,
        bursts.pace_factor,
        bursts.around_seconds,
        count(*) - bursts.reviews as others
    from bursts
    inner join eligible
        on
            bursts.hall_window = eligible.hall_window
            and cast(bursts.first_at as date) = eligible.reviewed_on
            and {{ seconds_between('bursts.first_at', 'eligible.reviewed_at') }} >= -bursts.around_seconds
            and {{ seconds_between('bursts.last_at', 'eligible.reviewed_at') }} <= bursts.around_seconds
    group by
        bursts.hall_window,
        bursts.tags,
        bursts.run,
        bursts.reviews,
        bursts.seconds,
        bursts.gap_seconds,
        bursts.pace_factor,
        bursts.around_seconds
),

caught_in_burst as (
    select
        runs.review_id,
        'burst' as rule,
        1 as place,
        '{"reviews": ' || cast(paced.reviews as string)
        || ', "seconds": ' || cast(paced.seconds as string)
        || ', "other_reviews_around": ' || cast(greatest(paced.others, 0) as string) || '}' as evidence
    from paced
    inner join runs
        on
            paced.hall_window = runs.hall_window
            and paced.tags = runs.tags
            and paced.run = runs.run
    where
        paced.reviews
        >= paced.pace_factor * paced.others * (paced.seconds + paced.gap_seconds) / (paced.seconds + 2 * paced.around_seconds)
),

-- Rule constant_lag. The same tags, no text, and the same time after closing: people's lags spread, a program's do not.
-- Two grids, half a cell apart, so that no edge cuts a lag in two.
lags as (
    {%- for shift in ['0.0', '0.5'] %}
    select
        review_id,
        counter,
        contact_month,
        level,
        tags,
        lag_seconds,
        {{ shift }} as shift,
        floor(lag_seconds / lag_tolerance_seconds + {{ shift }}) as cell,
        lag_min_reviews,
        lag_neighbourhood_seconds,
        lag_share_min
    from eligible
    where is_wordless and lag_seconds is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

cells as (
    select
        counter,
        contact_month,
        level,
        tags,
        shift,
        cell,
        count(*) as reviews,
        min(lag_seconds) as lag_lo,
        max(lag_seconds) as lag_hi,
        max(lag_neighbourhood_seconds) as neighbourhood_seconds,
        max(lag_share_min) as share_min
    from lags
    group by counter, contact_month, level, tags, shift, cell
    having count(*) >= max(lag_min_reviews)
),

neighbourhoods as (
    select
        cells.counter,
        cells.contact_month,
        cells.level,
        cells.tags,
        cells.shift,
        cells.cell,
        cells.reviews,
        cells.lag_lo,
        cells.share_min,
        count(*) as reviews_around
    from cells
    inner join eligible
        on
            cells.counter = eligible.counter
            and cells.contact_month = eligible.contact_month
            and cells.level = eligible.level
            and cells.tags = eligible.tags
            and eligible.is_wordless
            and eligible.lag_seconds
            between cells.lag_lo - cells.neighbourhood_seconds / 2 and cells.lag_hi + cells.neighbourhood_seconds / 2
    group by
        cells.counter,
        cells.contact_month,
        cells.level,
        cells.tags,
        cells.shift,
        cells.cell,
        cells.reviews,
        cells.lag_lo,
        cells.share_min
),

caught_by_lag as (
    select
        lags.review_id,
        'constant_lag' as rule,
        2 as place,
        '{"reviews": ' || cast(neighbourhoods.reviews as string)
        || ', "lag_seconds": ' || cast(neighbourhoods.lag_lo as string)
        || ', "reviews_around": ' || cast(neighbourhoods.reviews_around as string) || '}' as evidence
    from neighbourhoods
    inner join lags
        on
            neighbourhoods.counter = lags.counter
            and neighbourhoods.contact_month = lags.contact_month
            and neighbourhoods.level = lags.level
            and neighbourhoods.tags = lags.tags
            and neighbourhoods.shift = lags.shift
            and neighbourhoods.cell = lags.cell
    where neighbourhoods.reviews >= neighbourhoods.share_min * neighbourhoods.reviews_around
),

-- Rule same_reviewer. One reviewer at one window more often in a day than anybody is served there.
reviewer_days as (
    select
        reviewer_key,
        hall_window,
        reviewed_on,
        count(*) as reviews
    from eligible
    where reviewer_key is not null and hall_window is not null
    group by reviewer_key, hall_window, reviewed_on
    having count(*) > max(reviewer_daily_limit)
),

caught_by_reviewer as (
    select
        eligible.review_id,
        'same_reviewer' as rule,
        3 as place,
        '{"reviews": ' || cast(reviewer_days.reviews as string) || '}' as evidence
    from reviewer_days
    inner join eligible
        on
            reviewer_days.reviewer_key = eligible.reviewer_key
            and reviewer_days.hall_window = eligible.hall_window
            and reviewer_days.reviewed_on = eligible.reviewed_on
),

caught_singly as (
    select * from caught_in_burst
    union all
    select * from caught_by_lag
    union all
    select * from caught_by_reviewer
),

-- Rule surge. A unit's day with far more reviews and far more five stars than the same unit's days before: either alone is
-- a busy or a good day. What the other rules caught is no part of it.
unit_days as (
    select
        unit,
        reviewed_on,
        count(*) as reviews,
        sum(case when level = 5 then 1 else 0 end) as fives,
        max(surge_min_reviews) as min_reviews,
        max(surge_baseline_days) as baseline_days,
        max(surge_baseline_days_min) as baseline_days_min,
        max(surge_volume_z) as volume_z,
        max(surge_rating_z) as rating_z
    from eligible
    where review_id not in (select caught_singly.review_id from caught_singly)
    group by unit, reviewed_on
),

habits as (
    select
        busy.unit,
        busy.reviewed_on,
        busy.reviews,
        cast(busy.fives as double) / busy.reviews as five_share,
        busy.volume_z,
        busy.rating_z,
        avg(cast(usual.reviews as double)) as usual_reviews,
        greatest(
            avg(cast(usual.reviews as double) * usual.reviews)
            - avg(cast(usual.reviews as double)) * avg(cast(usual.reviews as double)),
            -- No unit is more regular than chance.
            avg(cast(usual.reviews as double))
        ) as usual_variance,
        cast(sum(usual.reviews) as double) as baseline_reviews,
        (sum(usual.fives) + 0.5) / (sum(usual.reviews) + 1.0) as usual_five_share
    from unit_days as busy
    inner join unit_days as usual
        on
            busy.unit = usual.unit
            and usual.reviewed_on < busy.reviewed_on
            and {{ days_between('usual.reviewed_on', 'busy.reviewed_on') }} <= busy.baseline_days
    where busy.reviews >= busy.min_reviews
    group by
        busy.unit,
        busy.reviewed_on,
        busy.reviews,
        busy.fives,
        busy.volume_z,
        busy.rating_z,
        busy.baseline_days_min
    having count(*) >= busy.baseline_days_min
),

caught_in_surge as (
    select
        eligible.review_id,
        'surge' as rule,
        4 as place,
        '{"reviews": ' || cast(habits.reviews as string)
        || ', "usual_reviews": ' || {{ fixed_digits('habits.usual_reviews', 1) }}
        || ', "five_star_share": ' || {{ fixed_digits('habits.five_share', 3) }}
        || ', "usual_five_star_share": ' || {{ fixed_digits('habits.usual_five_share', 3) }} || '}' as evidence
    from habits
    inner join eligible
        on
            habits.unit = eligible.unit
            and habits.reviewed_on = eligible.reviewed_on
            and eligible.is_wordless
            and eligible.level = 5
    where
        habits.reviews - habits.usual_reviews > habits.volume_z * sqrt(habits.usual_variance)
        and habits.five_share - habits.usual_five_share > habits.rating_z * sqrt(
            habits.usual_five_share * (1 - habits.usual_five_share) * (1.0 / habits.reviews + 1.0 / habits.baseline_reviews)
        )
),

caught as (
    select
        review_id,
        rule,
        evidence,
        row_number() over (partition by review_id order by place, evidence) as first_rule
    from (
        select * from caught_singly
        union all
        select * from caught_in_surge
    ) as every_rule
),

suspected as (
    select
        judged.*,
        caught.rule as suspect_rule,
        case judged.validity
            when 'valid' then caught.evidence
            when 'default'
                then
                    '{"level": ' || coalesce(cast(judged.level as string), 'null')
                    || ', "policy_level": ' || coalesce(cast(cast(judged.silence_level as bigint) as string), 'null')
                    || ', "days": ' || coalesce(cast(judged.days_after_close as string), 'null')
                    || ', "policy_days": ' || coalesce(cast(cast(judged.silence_days as bigint) as string), 'null') || '}'
            when 'duplicate'
                then
                    '{"counted_review": "'
                    || {{ text_key(['judged.case_no', 'judged.contact_no', 'judged.review_no', "'1'"]) }} || '"}'
            when 'appeal_upheld' then '{"decided_on": "' || cast(cast(judged.appeal_decided_at as date) as string) || '"}'
            when 'malicious' then '{"decided_on": "' || cast(cast(judged.malicious_decided_at as date) as string) || '"}'
            when 'before_close' then '{"seconds_before_close": ' || cast(-judged.lag_seconds as string) || '}'
            when 'after_window'
                then
                    '{"days": ' || cast(judged.days_after_close as string)
                    || ', "policy_days": ' || cast(cast(judged.review_window_days as bigint) as string) || '}'
        end as evidence
    from judged
    left join caught
        on
            judged.review_id = caught.review_id
            and caught.first_rule = 1
),

final as (
    select
        review_id,
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
        evidence,
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
