{{ config(
    materialized=kept(),
    pre_hook="{{ take_out(in_suspicion_scope()) }}",
    post_hook="{{ say_mended() }}",
) }}
{#- The reach of a rule is a place and a month (docs/decisions/0014): a new rule that looks further must say so in suspicion_scope. -#}
{%- set is_mended = is_incremental() -%}
{{ after('review_delta') }}
with

judgements as (
    select * from {{ ref('review_judgements') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

{% if is_mended -%}
touched as (
    {{ suspicion_scope() }}
),

kept as (
    select * from {{ this }}
),

{% endif -%}
-- What a rule may read of a review.
eligible as (
    select
        review_id,
        reviewer_key,
        reviewed_at,
        reviewed_on,
        department_code,
        channel_code,
        place,
        window_no,
        level,
        coalesce(tags, '') as tags,
        not has_comment as is_wordless,
        {{ month_start('reviewed_on') }} as review_month,
        lag_seconds,
        policy_area,
        policy_from
    from judgements
    where
        validity = 'valid'
        and review_no = 1
        {%- if is_mended %}
        and exists (
            select 1
            from touched
            where
                judgements.place = touched.place
                and judgements.reviewed_on >= {{ add_days('touched.from_day', '-' ~ suspicion_reach()) }}
                and judgements.reviewed_on <= {{ add_days('touched.to_day', suspicion_reach()) }}
        )
        {%- endif %}
),

{% if is_mended -%}
judged_anew as (
    select eligible.*
    from eligible
    where
        exists (
            select 1
            from touched
            where eligible.place = touched.place and eligible.reviewed_on between touched.from_day and touched.to_day
        )
),
{%- else -%}
judged_anew as (
    select * from eligible
),
{%- endif %}

-- Rule burst. Five stars at one window on one day with the same tags and no text, each soon after the one before.
spaced as (
    select
        eligible.review_id,
        eligible.place,
        eligible.window_no,
        eligible.tags,
        eligible.reviewed_at,
        eligible.reviewed_on,
        eligible.policy_area,
        eligible.policy_from,
        lag(eligible.reviewed_at) over (
            partition by eligible.place, eligible.window_no, eligible.reviewed_on, eligible.tags
            order by eligible.reviewed_at, eligible.review_id
        ) as reviewed_before
    from judged_anew as eligible
    where eligible.is_wordless and eligible.level = 5 and eligible.window_no is not null
),

runs as (
    select
        spaced.review_id,
        spaced.place,
        spaced.window_no,
        spaced.tags,
        spaced.reviewed_at,
        spaced.reviewed_on,
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
            partition by spaced.place, spaced.window_no, spaced.reviewed_on, spaced.tags
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
        runs.reviewed_on,
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
    group by runs.place, runs.window_no, runs.reviewed_on, runs.tags, runs.run
    having count(*) >= max(policies.burst_min_reviews)
),

-- A busy window is no burst: what matters is how far it outruns the window's other reviews before, during and after.
paced as (
    select
        bursts.place,
        bursts.window_no,
        bursts.reviewed_on,
        bursts.tags,
        bursts.run,
        bursts.reviews,
        bursts.seconds,
        bursts.gap_seconds,
        bursts.pace_factor,
        bursts.around_seconds,
        greatest(count(*) - bursts.reviews, 0) as others
    from bursts
    inner join judged_anew as eligible
        on
            bursts.place = eligible.place
            and bursts.window_no = eligible.window_no
            and bursts.reviewed_on = eligible.reviewed_on
            and {{ seconds_between('bursts.first_at', 'eligible.reviewed_at') }} >= -bursts.around_seconds
            and {{ seconds_between('bursts.last_at', 'eligible.reviewed_at') }} <= bursts.around_seconds
    group by
        bursts.place,
        bursts.window_no,
        bursts.reviewed_on,
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
            and paced.reviewed_on = runs.reviewed_on
            and paced.tags = runs.tags
            and paced.run = runs.run
    where
        paced.reviews
        >= paced.pace_factor * paced.others * (paced.seconds + paced.gap_seconds) / (paced.seconds + 2 * paced.around_seconds)
),

-- Rule constant_lag. The same tags, no text, and the same time after closing: people's lags spread, a program's do not.
-- Counted by the month of the review at a window, or in a department's channel where there is none, on two grids half a cell apart, so that no edge
-- cuts a lag in two.
cells as (
    {%- for shift in ['0.0', '0.5'] %}
    select
        eligible.place,
        coalesce(eligible.window_no, eligible.department_code || eligible.channel_code) as counter,
        eligible.review_month,
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
    from judged_anew as eligible
    inner join policies
        on
            eligible.policy_area = policies.area
            and eligible.policy_from = policies.valid_from
    where eligible.is_wordless and eligible.lag_seconds is not null
    group by
        eligible.place,
        coalesce(eligible.window_no, eligible.department_code || eligible.channel_code),
        eligible.review_month,
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
                cells.place, cells.counter, cells.review_month, cells.level, cells.tags, cells.shift, cells.cell
        ) as reviews_around
    from cells
    inner join judged_anew as eligible
        on
            cells.place = eligible.place
            and cells.counter = coalesce(eligible.window_no, eligible.department_code || eligible.channel_code)
            and cells.review_month = eligible.review_month
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
    from judged_anew as eligible
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
    inner join judged_anew as eligible
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

caught_before_surge as (
    select distinct review_id from caught_singly
    {%- if is_mended %}
    union all
    select review_id from kept
    where rule <> 'surge'
    {%- endif %}
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
    left join caught_before_surge on eligible.review_id = caught_before_surge.review_id
    where caught_before_surge.review_id is null
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
    {%- if is_mended %}
    where
        exists (
            select 1
            from touched
            where
                busy.place = touched.place
                and busy.reviewed_on >= touched.from_day
                and busy.reviewed_on <= {{ add_days('touched.to_day', suspicion_reach()) }}
        )
    {%- endif %}
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

final as (
    select
        caught.review_id,
        caught.rule,
        caught.evidence,
        judgements.place,
        judgements.reviewed_on,
        judgements.counted_month,
        judgements.department_code,
        judgements.service_item_code,
        judgements.division_code,
        judgements.facility_id,
        judgements.contact_channel,
        judgements.level,
        judgements.verdict,
        judgements.is_strictly_good,
        judgements.points
    from caught
    inner join judgements on caught.review_id = judgements.review_id
    {%- if is_mended %}
    left join kept on caught.review_id = kept.review_id
    {%- endif %}
    where
        caught.first_rule = 1
        {%- if is_mended %}
        and kept.review_id is null
        {%- endif %}
)

select * from final
