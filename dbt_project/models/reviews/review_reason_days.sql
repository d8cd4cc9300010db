with

candidates as (
    select * from {{ ref('review_reason_candidates') }}
),

active as (
    select * from {{ ref('review_service_hours') }}
),

rules as (
    select
        max(case when parameter = 'min_count' then value end) as min_count,
        max(case when parameter = 'season_days' then value end) as season_days,
        max(case when parameter = 'season_days_min' then value end) as season_days_min,
        max(case when parameter = 'outlier_deviations' then value end) as outlier_deviations,
        max(case when parameter = 'deviation_scale' then value end) as deviation_scale,
        max(case when parameter = 'deviation_least' then value end) as deviation_least
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
    where kind in ('window_day', 'item_day')
    group by reason_id, month, dimension, code, kind, value, on_day
),

-- A day at a window, or of an item: measured against its own season, the same weekdays before it.
series as (
    select
        'window_day' as kind,
        facility_id as code,
        window_no as value,
        served_on,
        sum(reviews) as reviews,
        sum(bad) as bad
    from active
    where facility_id is not null and window_no is not null
    group by facility_id, window_no, served_on
    union all
    select
        'item_day' as kind,
        department_code as code,
        service_item_code as value,
        served_on,
        sum(reviews) as reviews,
        sum(bad) as bad
    from active
    group by department_code, service_item_code, served_on
),

days as (
    select
        counted.*,
        series.reviews as of_reviews
    from counted
    cross join rules
    inner join series
        on
            counted.kind = series.kind
            and counted.code = series.code
            and counted.value = series.value
            and counted.on_day = series.served_on
    where counted.reviews >= rules.min_count
),

season as (
    select
        days.reason_id,
        series.reviews,
        series.bad
    from days
    cross join rules
    inner join series
        on
            days.kind = series.kind
            and days.code = series.code
            and days.value = series.value
            and days.on_day > series.served_on
            and {{ add_days('days.on_day', '-rules.season_days') }} <= series.served_on
            and {{ iso_weekday('days.on_day') }} = {{ iso_weekday('series.served_on') }}
),

medians as (
    select
        reason_id,
        count(*) as season_days,
        sum(reviews) as usual_of_reviews,
        sum(bad) as usual_reviews,
        median(bad) as median_bad
    from season
    group by reason_id
),

spreads as (
    select
        season.reason_id,
        median(abs(season.bad - medians.median_bad)) as deviation
    from season
    inner join medians on season.reason_id = medians.reason_id
    group by season.reason_id
),

final as (
    select
        days.reason_id,
        days.month,
        days.dimension,
        days.code,
        days.kind,
        days.value,
        days.on_day,
        cast(days.reviews as bigint) as reviews,
        cast(days.of_reviews as bigint) as of_reviews,
        cast(medians.usual_reviews as bigint) as usual_reviews,
        cast(medians.usual_of_reviews as bigint) as usual_of_reviews,
        cast(medians.median_bad as double) as median_reviews,
        cast(
            (days.reviews - medians.median_bad)
            / greatest(rules.deviation_scale * spreads.deviation, rules.deviation_least) as double
        ) as deviations
    from days
    cross join rules
    inner join medians on days.reason_id = medians.reason_id
    inner join spreads on days.reason_id = spreads.reason_id
    where
        medians.season_days >= rules.season_days_min
        and days.reviews - medians.median_bad
        > rules.outlier_deviations * greatest(rules.deviation_scale * spreads.deviation, rules.deviation_least)
)

select * from final
