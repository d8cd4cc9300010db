with

candidates as (
    select * from {{ ref('review_reason_candidates') }}
),

active as (
    select * from {{ ref('review_service_hours') }}
),

outlying_days as (
    select * from {{ ref('review_reason_days') }}
),

rules as (
    select max(case when parameter = 'min_count' then value end) as min_count
    from {{ ref('review_reason_rules') }}
),

counted as (
    select
        reason_id,
        month,
        dimension,
        code,
        kind,
        value,
        on_day,
        count(*) as reviews
    from candidates
    where kind not in ('window_day', 'item_day')
    group by reason_id, month, dimension, code, kind, value, on_day
),

-- Tags and words: this month's share of the unit's bad reviews (words: of those with text) against the month before.
bases as (
    select
        month,
        dimension,
        code,
        kind,
        reviews
    from counted
    where kind in ('bad', 'bad_with_text')
),

months as (
    select
        counted.*,
        bases.reviews as of_reviews,
        coalesce(earlier.reviews, 0) as usual_reviews,
        coalesce(earlier_bases.reviews, 0) as usual_of_reviews
    from counted
    inner join bases
        on
            counted.month = bases.month
            and counted.dimension = bases.dimension
            and counted.code = bases.code
            and bases.kind = case counted.kind when 'word' then 'bad_with_text' else 'bad' end
    left join bases as earlier_bases
        on
            {{ month_start(add_days('counted.month', '-1')) }} = earlier_bases.month
            and counted.dimension = earlier_bases.dimension
            and counted.code = earlier_bases.code
            and bases.kind = earlier_bases.kind
    left join counted as earlier
        on
            {{ month_start(add_days('counted.month', '-1')) }} = earlier.month
            and counted.dimension = earlier.dimension
            and counted.code = earlier.code
            and counted.kind = earlier.kind
            and counted.value = earlier.value
    where counted.kind in ('tag', 'word')
),

-- An hour of the week: the share of bad among its reviews against the unit's other hours of the month.
hours as (
    {%- for dimension, unit in {'department': 'department_code', 'facility': 'facility_id'}.items() %}
    select
        month,
        '{{ dimension }}' as dimension,
        {{ unit }} as code,
        hour as value,
        sum(reviews) as of_reviews,
        sum(sum(bad)) over (partition by month, {{ unit }}) - sum(bad) as usual_reviews,
        sum(sum(reviews)) over (partition by month, {{ unit }}) - sum(reviews) as usual_of_reviews
    from active
    where {{ unit }} is not null
    group by month, {{ unit }}, hour
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

stacked as (
    select
        months.*,
        cast(null as double) as median_reviews,
        cast(null as double) as deviations
    from months
    cross join rules
    where months.kind = 'tag' or months.reviews >= rules.min_count
    union all
    select
        counted.*,
        hours.of_reviews,
        hours.usual_reviews,
        hours.usual_of_reviews,
        cast(null as double) as median_reviews,
        cast(null as double) as deviations
    from counted
    cross join rules
    inner join hours
        on
            counted.month = hours.month
            and counted.dimension = hours.dimension
            and counted.code = hours.code
            and counted.value = hours.value
    where counted.kind = 'hour' and counted.reviews >= rules.min_count
    union all
    select
        reason_id,
        month,
        dimension,
        code,
        kind,
        value,
        on_day,
        reviews,
        of_reviews,
        usual_reviews,
        usual_of_reviews,
        median_reviews,
        deviations
    from outlying_days
),

final as (
    select
        reason_id,
        month,
        dimension,
        code,
        kind,
        value,
        on_day,
        cast(reviews as bigint) as reviews,
        cast(of_reviews as bigint) as of_reviews,
        cast(usual_reviews as bigint) as usual_reviews,
        cast(usual_of_reviews as bigint) as usual_of_reviews,
        median_reviews,
        deviations
    from stacked
)

select * from final
