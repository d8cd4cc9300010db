{{ config(
    materialized=kept(),
    pre_hook="{{ take_out(in_suspicion_scope()) }}",
    post_hook="{{ say_mended() }}",
) }}
{#- No rule but surge reaches beyond a place and a month (docs/decisions/0014): one that does must say so in suspicion_scope. -#}
{%- set is_mended = is_incremental() -%}
{%- set reach = suspicion_reach() if is_mended else 0 -%}
{%- set days = suspicion_days() if is_mended else none -%}
{%- set policy_key = ['policy_area', 'policy_from'] -%}
{#- What the rules count within: a window's day and choice of tags, a run of these; a counter's month, a cell of lags in it … -#}
{%- set window_day = ['place', 'window_no', 'reviewed_on', 'tags'] -%}
{%- set window_run = window_day + ['run'] -%}
{%- set counter_month = ['place', 'counter', 'review_month'] -%}
{%- set cell_key = counter_month + ['level', 'tags', 'shift', 'cell'] -%}
{%- set reviewer_day = ['reviewer_key', 'place', 'window_no', 'reviewed_on'] -%}
{%- set unit_day = ['department_code', 'place', 'reviewed_on'] -%}
{{ after('review_delta') }}
with

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
-- Rule burst. Five stars at one window on one day with the same tags and no text, each soon after the one before. Most
-- windows have too few of them for a burst: those need not be put in order.
wordless_fives as (
    select
        judgements.review_id,
        judgements.place,
        judgements.window_no,
        judgements.reviewed_on,
        coalesce(judgements.tags, '') as tags,
        judgements.reviewed_at,
        {{ prefixed('judgements', policy_key) }}
    {{ from_countable_reviews(days) }}
        and judgements.level = 5
        and not judgements.has_comment
        and judgements.window_no is not null
),

long_enough as (
    select {{ window_day | join(', ') }}
    from wordless_fives
    group by {{ window_day | join(', ') }}
    having count(*) >= (select min(policies.burst_min_reviews) from policies)
),

spaced as (
    select
        wordless_fives.*,
        lag(wordless_fives.reviewed_at) over (
            partition by {{ prefixed('wordless_fives', window_day) }}
            order by wordless_fives.reviewed_at, wordless_fives.review_id
        ) as reviewed_before
    from wordless_fives
    inner join long_enough on {{ same('wordless_fives', 'long_enough', window_day) }}
),

runs as (
    select
        spaced.*,
        sum(
            case
                when
                    spaced.reviewed_before is null
                    or {{ seconds_between('spaced.reviewed_before', 'spaced.reviewed_at') }} > policies.burst_gap_seconds
                    then 1
                else 0
            end
        ) over (
            partition by {{ prefixed('spaced', window_day) }}
            order by spaced.reviewed_at, spaced.review_id
            rows between unbounded preceding and current row
        ) as run
    from spaced
    {{ judged_by('spaced') }}
),

bursts as (
    select
        {{ prefixed('runs', window_run) }},
        count(*) as reviews,
        min(runs.reviewed_at) as first_at,
        max(runs.reviewed_at) as last_at,
        {{ seconds_between('min(runs.reviewed_at)', 'max(runs.reviewed_at)') }} as seconds,
        max(policies.burst_gap_seconds) as gap_seconds,
        max(policies.burst_pace_factor) as pace_factor,
        max(policies.burst_around_seconds) as around_seconds
    from runs
    {{ judged_by('runs') }}
    group by {{ prefixed('runs', window_run) }}
    having count(*) >= max(policies.burst_min_reviews)
),

at_windows as (
    select {{ prefixed('judgements', ['place', 'window_no', 'reviewed_on', 'reviewed_at']) }}
    {{ from_countable_reviews(days) }}
),

-- A busy window is no burst: what matters is how far it outruns the window's other reviews before, during and after.
paced as (
    select
        {{ prefixed('bursts', window_run) }},
        max(bursts.reviews) as reviews,
        max(bursts.seconds) as seconds,
        max(bursts.gap_seconds) as gap_seconds,
        max(bursts.pace_factor) as pace_factor,
        max(bursts.around_seconds) as around_seconds,
        greatest(count(*) - max(bursts.reviews), 0) as others
    from bursts
    inner join at_windows
        on
            {{ same('bursts', 'at_windows', ['place', 'window_no', 'reviewed_on']) }}
            and {{ seconds_between('bursts.first_at', 'at_windows.reviewed_at') }} >= -bursts.around_seconds
            and {{ seconds_between('bursts.last_at', 'at_windows.reviewed_at') }} <= bursts.around_seconds
    group by {{ prefixed('bursts', window_run) }}
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
    inner join runs on {{ same('paced', 'runs', window_run) }}
    where
        paced.reviews
        >= paced.pace_factor * paced.others * (paced.seconds + paced.gap_seconds) / (paced.seconds + 2 * paced.around_seconds)
),

-- Rule constant_lag. The same tags, no text, and the same time after closing: people's lags spread, a program's do not.
-- Counted by the month of the review at a window, or in a department's channel where there is none, on two grids half a cell
-- apart, so that no edge cuts a lag in two.
timed as (
    select
        judgements.review_id,
        judgements.place,
        coalesce(judgements.window_no, judgements.department_code || judgements.channel_code) as counter,
        {{ month_start('judgements.reviewed_on') }} as review_month,
        judgements.level,
        coalesce(judgements.tags, '') as tags,
        judgements.lag_seconds,
        judgements.lag_seconds / policies.lag_tolerance_seconds as lag_in_cells,
        policies.lag_min_reviews as min_reviews,
        policies.lag_tolerance_seconds as tolerance_seconds,
        policies.lag_neighbourhood_seconds as neighbourhood_seconds,
        policies.lag_share_min as share_min
    {{ from_countable_reviews(days, with_policy=true) }}
        and not judgements.has_comment
        and judgements.lag_seconds is not null
),

-- A cell that is full enough has a half that is half as full, whatever the level and the tags: all others need no counting.
dense_halves as (
    select
        {{ counter_month | join(', ') }},
        floor(2 * lag_in_cells) as half
    from timed
    group by {{ counter_month | join(', ') }}, floor(2 * lag_in_cells)
    having 2 * count(*) >= (select min(policies.lag_min_reviews) from policies)
),

near_dense_halves as (
    {%- for step in [-1, 0, 1] %}
    select
        {{ counter_month | join(', ') }},
        half + ({{ step }}) as half
    from dense_halves
    {{ 'union distinct' if not loop.last }}
    {%- endfor %}
),

countable as (
    select timed.*
    from timed
    inner join near_dense_halves
        on
            {{ same('timed', 'near_dense_halves', counter_month) }}
            and floor(2 * timed.lag_in_cells) = near_dense_halves.half
),

cells as (
    {%- for shift in ['0.0', '0.5'] %}
    select
        {{ counter_month | join(', ') }},
        level,
        tags,
        {{ shift }} as shift,
        floor(lag_in_cells + {{ shift }}) as cell,
        count(*) as reviews,
        min(lag_seconds) as lag_lo,
        max(lag_seconds) as lag_hi,
        max(tolerance_seconds) as tolerance_seconds,
        max(neighbourhood_seconds) as neighbourhood_seconds,
        max(share_min) as share_min
    from countable
    group by {{ counter_month | join(', ') }}, level, tags, floor(lag_in_cells + {{ shift }})
    having count(*) >= max(min_reviews)
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

neighbours as (
    select
        cells.*,
        timed.review_id,
        floor(timed.lag_seconds / cells.tolerance_seconds + cells.shift) = cells.cell as is_inside,
        count(*) over (
            partition by {{ prefixed('cells', cell_key) }}
        ) as reviews_around
    from cells
    inner join timed
        on
            {{ same('cells', 'timed', counter_month + ['level', 'tags']) }}
            and timed.lag_seconds
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
named_reviews as (
    select {{ prefixed('judgements', ['review_id'] + reviewer_day + policy_key) }}
    {{ from_countable_reviews(days) }}
        and judgements.reviewer_key is not null
        and judgements.window_no is not null
),

frequent_reviewers as (
    select reviewer_key
    from named_reviews
    group by reviewer_key
    having count(*) > (select min(policies.reviewer_daily_limit) from policies)
),

reviewer_days as (
    select
        {{ prefixed('named_reviews', reviewer_day) }},
        count(*) as reviews
    from named_reviews
    inner join frequent_reviewers on named_reviews.reviewer_key = frequent_reviewers.reviewer_key
    {{ judged_by('named_reviews') }}
    group by {{ prefixed('named_reviews', reviewer_day) }}
    having count(*) > max(policies.reviewer_daily_limit)
),

caught_by_reviewer as (
    select
        named_reviews.review_id,
        'same_reviewer' as rule,
        3 as priority,
        '{"reviews": ' || cast(reviewer_days.reviews as string) || '}' as evidence
    from reviewer_days
    inner join named_reviews on {{ same('reviewer_days', 'named_reviews', reviewer_day) }}
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
countable_days as (
    select {{ prefixed('judgements', ['review_id', 'level', 'has_comment'] + unit_day + policy_key) }}
    {{ from_countable_reviews(days, before=reach, after=reach) }}
),

unit_days as (
    select
        {{ prefixed('countable_days', unit_day) }},
        count(*) as reviews,
        sum(case when countable_days.level = 5 then 1 else 0 end) as fives,
        max(countable_days.policy_area) as policy_area,
        max(countable_days.policy_from) as policy_from
    from countable_days
    left join caught_before_surge on countable_days.review_id = caught_before_surge.review_id
    where caught_before_surge.review_id is null
    group by {{ prefixed('countable_days', unit_day) }}
),

habits as (
    select
        {{ prefixed('busy', unit_day) }},
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
    {{ judged_by('busy') }}
    inner join unit_days as usual
        on
            {{ same('busy', 'usual', ['department_code', 'place']) }}
            and busy.reviews >= policies.surge_min_reviews
            and busy.reviewed_on > usual.reviewed_on
            and {{ days_between('usual.reviewed_on', 'busy.reviewed_on') }} <= policies.surge_baseline_days
    {%- if is_mended %}
    inner join touched
        on
            busy.place = touched.place
            and busy.reviewed_on >= touched.from_day
            and busy.reviewed_on <= {{ add_days('touched.to_day', reach) }}
    {%- endif %}
    group by {{ prefixed('busy', unit_day) }}, busy.reviews, busy.fives
    having count(*) >= max(policies.surge_baseline_days_min)
),

caught_in_surge as (
    select
        countable_days.review_id,
        'surge' as rule,
        4 as priority,
        '{"reviews": ' || cast(habits.reviews as string)
        || ', "usual_reviews": ' || {{ fixed_digits('habits.usual_reviews', 1) }}
        || ', "five_star_share": ' || {{ fixed_digits('habits.five_share', 3) }}
        || ', "usual_five_star_share": ' || {{ fixed_digits('habits.usual_five_share', 3) }} || '}' as evidence
    from habits
    inner join countable_days
        on
            {{ same('habits', 'countable_days', unit_day) }}
            and not countable_days.has_comment
            and countable_days.level = 5
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
    inner join {{ ref('review_judgements') }} as judgements on caught.review_id = judgements.review_id
    {{ of_touched_places(days, after=reach) }}
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
