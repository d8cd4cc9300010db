with

cells as (
    select
        indicator_code,
        division_code,
        area_type,
        period,
        extract(month from period) as season,
        {{ indicator_quotient() }} as value
    from {{ ref('indicator_cells') }}
    where
        is_published
        and null_reason is null
),

-- A unit's own values of the same month of the years before.
earlier as (
    select
        cells.indicator_code,
        cells.division_code,
        cells.area_type,
        cells.period,
        before.value
    from cells
    inner join cells as before
        on
            {{ same('cells', 'before', ['indicator_code', 'division_code', 'area_type', 'season']) }}
            and cells.period > before.period
),

middles as (
    select
        indicator_code,
        division_code,
        area_type,
        period,
        count(*) as season_values,
        median(value) as season_median
    from earlier
    group by indicator_code, division_code, area_type, period
),

measured as (
    select
        {{ prefixed('middles', ['indicator_code', 'division_code', 'area_type', 'period']) }},
        cast(max(middles.season_values) as bigint) as season_values,
        max(middles.season_median) as season_median,
        median(abs(earlier.value - middles.season_median)) as mad,
        avg(abs(earlier.value - middles.season_median)) as mean_deviation
    from middles
    inner join earlier on {{ same('middles', 'earlier', ['indicator_code', 'division_code', 'area_type', 'period']) }}
    group by {{ prefixed('middles', ['indicator_code', 'division_code', 'area_type', 'period']) }}
),

-- Either is the standard deviation of what varies normally; where most values are the same, the median distance is zero.
final as (
    select
        indicator_code,
        division_code,
        area_type,
        period,
        season_values,
        season_median,
        case when mad > 0.0 then 1.4826 * mad else 1.2533 * mean_deviation end as season_deviation
    from measured
)

select * from final
