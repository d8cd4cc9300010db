-- 一个区划的直接下级（含余数）之和等于它自身，分子分母都是。
-- · What lies right below a division adds up to it, its remainder included: numerators and denominators alike.
{{ config(meta={'dagster': {'ref': {'name': 'indicator_value'}}}) }}
with

cells as (
    select * from {{ ref('indicator_value') }}
    where coalesce(null_reason, '') <> 'not_in_force'
),

below as (
    select
        indicator_code,
        above_code,
        period,
        area_type,
        sum(numerator) as numerator,
        sum(denominator) as denominator
    from cells
    where above_code is not null
    group by indicator_code, above_code, period, area_type
)

select
    cells.indicator_code,
    cells.division_code,
    cells.period,
    cells.area_type
from cells
inner join below
    on
        cells.indicator_code = below.indicator_code
        and cells.division_code = below.above_code
        and cells.period = below.period
        and cells.area_type = below.area_type
where
    abs(cells.numerator - coalesce(below.numerator, 0.0)) > 0.001 + 0.000000001 * abs(cells.numerator)
    or abs(cells.denominator - coalesce(below.denominator, 0.0)) > 0.001 + 0.000000001 * abs(cells.denominator)
