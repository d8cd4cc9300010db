{#-
  CTEs up to `caught_by_lag`. The same tags, no text, and the same time after closing: people's lags spread, a program's do not.
  Counted by the month of the review at a window, or in a department's channel where there is none, on two grids half a cell
  apart, so that no edge cuts a lag in two. `days`: see suspicion_days.
-#}
{% macro constant_lag_rule(days) -%}
{#- What is counted within: a counter's month, and a cell of lags in it. -#}
{%- set counter_month = ['place', 'counter', 'review_month'] -%}
{%- set cell_key = counter_month + ['level', 'tags', 'shift', 'cell'] -%}
timed as (
    select
        judgements.review_id,
        judgements.place,
        coalesce(judgements.window_no, judgements.department_code || judgements.channel_code) as counter,
        judgements.reviewed_on,
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

steps as (
    select -1 as step
    union all
    select 0 as step
    union all
    select 1 as step
),

near_dense_halves as (
    select distinct
        {{ prefixed('dense_halves', counter_month) }},
        dense_halves.half + steps.step as half
    from dense_halves
    cross join steps
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
        timed.reviewed_on,
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
        place,
        reviewed_on,
        'constant_lag' as rule,
        2 as priority,
        '{"reviews": ' || cast(reviews as string)
        || ', "lag_seconds": ' || cast(lag_lo as string)
        || ', "reviews_around": ' || cast(reviews_around as string) || '}' as evidence
    from neighbours
    where is_inside and reviews >= share_min * reviews_around
)
{%- endmacro %}
