{#-
  CTEs up to `caught_in_burst`. Five stars at one window on one day with the same tags and no text, each soon after the one
  before, and far more of them than the window's other reviews at that time. `days`: see suspicion_days.
-#}
{% macro burst_rule(days) -%}
{#- What is counted within: a window's day and choice of tags, and a run of reviews in it. -#}
{%- set window_day = ['place', 'window_no', 'reviewed_on', 'tags'] -%}
{%- set window_run = window_day + ['run'] -%}
-- Most windows have too few of them for a burst: those need not be put in order.
wordless_fives as (
    select
        judgements.review_id,
        judgements.place,
        judgements.window_no,
        judgements.reviewed_on,
        coalesce(judgements.tags, '') as tags,
        judgements.reviewed_at,
        {{ prefixed('judgements', ['policy_area', 'policy_from']) }}
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
        runs.place,
        runs.reviewed_on,
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
)
{%- endmacro %}
