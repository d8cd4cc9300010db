{%- set sent_columns = [
    'case_no', 'contact_no', 'review_no', 'level', 'tags', 'has_comment', 'channel_code', 'reviewed_at', 'reviewer_key',
    'is_default', 'is_update', 'is_withdrawn', '_sender', '_receipt', '_row', '_received_at',
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

-- Nearly every key comes once: only the others need to be put in order.
repeated_keys as (
    select
        case_no,
        contact_no,
        review_no
    from reviews
    group by case_no, contact_no, review_no
    having count(*) > 1
),

-- What was sent first under a key says whose review it is. The same person's later row, or a record that says it
-- updates, corrects it; anything else under the key is a duplicate.
first_sent as (
    select
        {%- for column in sent_columns %}
        reviews.{{ column }},
        {%- endfor %}
        reviews._sender || '|' || coalesce(reviews.reviewer_key, '') || '|' || reviews.channel_code as own_origin,
        first_value(reviews._sender || '|' || coalesce(reviews.reviewer_key, '') || '|' || reviews.channel_code) over (
            partition by reviews.case_no, reviews.contact_no, reviews.review_no
            order by reviews._received_at, reviews._receipt, reviews._row
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
        {{ sent_columns | join(',\n        ') }},
        occurrence
    from numbered
    where newest_of_origin = 1 or copy_in_delivery > 1 or origin <> first_origin
    union all
    select
        {%- for column in sent_columns %}
        reviews.{{ column }},
        {%- endfor %}
        1 as occurrence
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

-- What is read below: the rules read some of it, the table shows the rest.
explained as (
    select
        review_id,
        contact_id,
        review_no,
        reviewed_at,
        reviewed_on,
        closed_month,
        department_code,
        service_item_code,
        division_code,
        facility_id,
        window_no,
        contact_channel,
        channel_code,
        is_named,
        level,
        is_good,
        is_strictly_good,
        is_bad,
        points,
        validity,
        tags,
        has_comment,
        reviewer_key,
        policy,
        policy_version,
        policy_area,
        policy_from,
        _sender,
        _receipt,
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
            when 'appeal_upheld' then '{"decided_on": "' || cast(cast(appeal_decided_at as date) as string) || '"}'
            when 'malicious' then '{"decided_on": "' || cast(cast(malicious_decided_at as date) as string) || '"}'
            when 'before_close' then '{"seconds_before_close": ' || cast(-lag_seconds as string) || '}'
            when 'after_window'
                then
                    '{"days": ' || cast(days_after_close as string)
                    || ', "policy_days": ' || cast(cast(review_window_days as bigint) as string) || '}'
        end as validity_evidence
    from judged
),

eligible as (
    select
        review_id,
        reviewer_key,
        reviewed_at,
        reviewed_on,
        closed_month,
        department_code,
        channel_code,
        coalesce(facility_id, division_code) as place,
        window_no,
        level,
        coalesce(tags, '') as tags,
        not has_comment as is_wordless,
        lag_seconds,
        policy_area,
        policy_from
    from explained
    where validity = 'valid' and review_no = 1
),

-- Rule burst. Five stars at one window with the same tags and no text, each soon after the one before.
spaced as (
    select
        eligible.review_id,
        eligible.place,
        eligible.window_no,
        eligible.tags,
        eligible.reviewed_at,
        eligible.policy_area,
        eligible.policy_from,
        lag(eligible.reviewed_at) over (
            partition by eligible.place, eligible.window_no, eligible.tags
            order by eligible.reviewed_at, eligible.review_id
        ) as reviewed_before
    from eligible
    where eligible.is_wordless and eligible.level = 5 and eligible.window_no is not null
),

runs as (
    select
        spaced.review_id,
        spaced.place,
        spaced.window_no,
        spaced.tags,
        spaced.reviewed_at,
        spaced.policy_area,
        spaced.policy_from,
        sum(
            case
                when
                    spaced.reviewed_before is null
                    or {{ seconds_between('spaced.reviewed_before', 'spaced.reviewed_at') }} > policies.burst_gap_seconds
                    then 1
                else 0
            end
        ) over (
            partition by spaced.place, spaced.window_no, spaced.tags
            order by spaced.reviewed_at, spaced.review_id
            rows between unbounded preceding and current row
        ) as run
    from spaced
    inner join policies
        on
            spaced.policy_area = policies.area
            and spaced.policy_from = policies.valid_from
),

bursts as (
    select
        runs.place,
        runs.window_no,
        runs.tags,
        runs.run,
        count(*) as reviews,
        min(runs.reviewed_at) as first_at,
        max(runs.reviewed_at) as last_at,
        {{ seconds_between('min(runs.reviewed_at)', 'max(runs.reviewed_at)') }} as seconds,
        max(policies.burst_gap_seconds) as gap_seconds,
        max(policies.burst_pace_factor) as pace_factor,
        max(policies.burst_around_seconds) as around_seconds
    from runs
    inner join policies
        on
            runs.policy_area = policies.area
            and runs.policy_from = policies.valid_from
    group by runs.place, runs.window_no, runs.tags, runs.run
    having count(*) >= max(policies.burst_min_reviews)
),

-- A busy window is no burst: what matters is how far it outruns the window's other reviews before, during and after.
paced as (
    select
        bursts.place,
        bursts.window_no,
        bursts.tags,
        bursts.run,
        bursts.reviews,
        bursts.seconds,
        bursts.gap_seconds,
        bursts.pace_factor,
        bursts.around_seconds,
        greatest(count(*) - bursts.reviews, 0) as others
    from bursts
    inner join eligible
        on
            bursts.place = eligible.place
            and bursts.window_no = eligible.window_no
            and cast(bursts.first_at as date) = eligible.reviewed_on
            and {{ seconds_between('bursts.first_at', 'eligible.reviewed_at') }} >= -bursts.around_seconds
            and {{ seconds_between('bursts.last_at', 'eligible.reviewed_at') }} <= bursts.around_seconds
    group by
        bursts.place,
        bursts.window_no,
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
        1 as priority,
        '{"reviews": ' || cast(paced.reviews as string)
        || ', "seconds": ' || cast(paced.seconds as string)
        || ', "other_reviews_around": ' || cast(paced.others as string) || '}' as evidence
    from paced
    inner join runs
        on
            paced.place = runs.place
            and paced.window_no = runs.window_no
            and paced.tags = runs.tags
            and paced.run = runs.run
    where
        paced.reviews
        >= paced.pace_factor * paced.others * (paced.seconds + paced.gap_seconds) / (paced.seconds + 2 * paced.around_seconds)
),

-- Rule constant_lag. The same tags, no text, and the same time after closing: people's lags spread, a program's do not.
-- Counted at a window, or in a department's channel where there is none, on two grids half a cell apart, so that no edge
-- cuts a lag in two.
cells as (
    {%- for shift in ['0.0', '0.5'] %}
    select
        eligible.place,
        coalesce(eligible.window_no, eligible.department_code || eligible.channel_code) as counter,
        eligible.closed_month,
        eligible.level,
        eligible.tags,
        {{ shift }} as shift,
        floor(eligible.lag_seconds / policies.lag_tolerance_seconds + {{ shift }}) as cell,
        count(*) as reviews,
        min(eligible.lag_seconds) as lag_lo,
        max(eligible.lag_seconds) as lag_hi,
        max(policies.lag_tolerance_seconds) as tolerance_seconds,
        max(policies.lag_neighbourhood_seconds) as neighbourhood_seconds,
        max(policies.lag_share_min) as share_min
    from eligible
    inner join policies
        on
            eligible.policy_area = policies.area
            and eligible.policy_from = policies.valid_from
    where eligible.is_wordless and eligible.lag_seconds is not null
    group by
        eligible.place,
        coalesce(eligible.window_no, eligible.department_code || eligible.channel_code),
        eligible.closed_month,
        eligible.level,
        eligible.tags,
        floor(eligible.lag_seconds / policies.lag_tolerance_seconds + {{ shift }})
    having count(*) >= max(policies.lag_min_reviews)
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

neighbours as (
    select
        cells.*,
        eligible.review_id,
        floor(eligible.lag_seconds / cells.tolerance_seconds + cells.shift) = cells.cell as is_inside,
        count(*) over (
            partition by
                cells.place, cells.counter, cells.closed_month, cells.level, cells.tags, cells.shift, cells.cell
        ) as reviews_around
    from cells
    inner join eligible
        on
            cells.place = eligible.place
            and cells.counter = coalesce(eligible.window_no, eligible.department_code || eligible.channel_code)
            and cells.closed_month = eligible.closed_month
            and cells.level = eligible.level
            and cells.tags = eligible.tags
            and eligible.is_wordless
            and eligible.lag_seconds
            between cells.lag_lo - cells.neighbourhood_seconds / 2 and cells.lag_hi + cells.neighbourhood_seconds / 2
),

caught_by_lag as (
    select
        review_id,
        'constant_lag' as rule,
        2 as priority,
        '{"reviews": ' || cast(reviews as string)
        || ', "lag_seconds": ' || cast(lag_lo as string)
        || ', "reviews_around": ' || cast(reviews_around as string) || '}' as evidence
    from neighbours
    where is_inside and reviews >= share_min * reviews_around
),

-- Rule same_reviewer. One reviewer at one window more often in a day than anybody is served there.
reviewer_days as (
    select
        eligible.reviewer_key,
        eligible.place,
        eligible.window_no,
        eligible.reviewed_on,
        count(*) as reviews
    from eligible
    inner join policies
        on
            eligible.policy_area = policies.area
            and eligible.policy_from = policies.valid_from
    where eligible.reviewer_key is not null and eligible.window_no is not null
    group by eligible.reviewer_key, eligible.place, eligible.window_no, eligible.reviewed_on
    having count(*) > max(policies.reviewer_daily_limit)
),

caught_by_reviewer as (
    select
        eligible.review_id,
        'same_reviewer' as rule,
        3 as priority,
        '{"reviews": ' || cast(reviewer_days.reviews as string) || '}' as evidence
    from reviewer_days
    inner join eligible
        on
            reviewer_days.reviewer_key = eligible.reviewer_key
            and reviewer_days.place = eligible.place
            and reviewer_days.window_no = eligible.window_no
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
        eligible.department_code,
        eligible.place,
        eligible.reviewed_on,
        count(*) as reviews,
        sum(case when eligible.level = 5 then 1 else 0 end) as fives,
        max(eligible.policy_area) as policy_area,
        max(eligible.policy_from) as policy_from
    from eligible
    where eligible.review_id not in (select caught_singly.review_id from caught_singly)
    group by eligible.department_code, eligible.place, eligible.reviewed_on
),

habits as (
    select
        busy.department_code,
        busy.place,
        busy.reviewed_on,
        busy.reviews,
        cast(busy.fives as double) / busy.reviews as five_share,
        max(policies.surge_volume_z) as volume_z,
        max(policies.surge_rating_z) as rating_z,
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
    inner join policies
        on
            busy.policy_area = policies.area
            and busy.policy_from = policies.valid_from
            and busy.reviews >= policies.surge_min_reviews
    inner join unit_days as usual
        on
            busy.department_code = usual.department_code
            and busy.place = usual.place
            and busy.reviewed_on > usual.reviewed_on
            and {{ days_between('usual.reviewed_on', 'busy.reviewed_on') }} <= policies.surge_baseline_days
    group by busy.department_code, busy.place, busy.reviewed_on, busy.reviews, busy.fives
    having count(*) >= max(policies.surge_baseline_days_min)
),

caught_in_surge as (
    select
        eligible.review_id,
        'surge' as rule,
        4 as priority,
        '{"reviews": ' || cast(habits.reviews as string)
        || ', "usual_reviews": ' || {{ fixed_digits('habits.usual_reviews', 1) }}
        || ', "five_star_share": ' || {{ fixed_digits('habits.five_share', 3) }}
        || ', "usual_five_star_share": ' || {{ fixed_digits('habits.usual_five_share', 3) }} || '}' as evidence
    from habits
    inner join eligible
        on
            habits.department_code = eligible.department_code
            and habits.place = eligible.place
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
        row_number() over (partition by review_id order by priority, evidence) as first_rule
    from (
        select * from caught_singly
        union all
        select * from caught_in_surge
    ) as every_rule
),

suspected as (
    select
        explained.*,
        caught.rule as suspect_rule,
        coalesce(caught.evidence, explained.validity_evidence) as evidence
    from explained
    left join caught
        on
            explained.review_id = caught.review_id
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
