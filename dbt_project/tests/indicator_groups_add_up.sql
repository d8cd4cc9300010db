-- 一个指标的各组（含 not_stated）之和等于其分子；文件所列的组都在。
-- · The groups of an indicator, not_stated included, are all of its numerator; each of its groups is there.
{{ config(meta={'dagster': {'ref': {'name': 'indicator_group'}}}) }}
with

cells as (
    select * from {{ ref('indicator_value') }}
    where
        not is_remainder
        and coalesce(null_reason, '') <> 'not_in_force'
        and numerator is not null
),

listed as (
    select
        indicator_code,
        group_name,
        count(*) as values_listed
    from {{ ref('indicator_groups') }}
    group by indicator_code, group_name
),

summed as (
    select
        indicator_code,
        division_code,
        period,
        area_type,
        group_name,
        sum(case when group_value = 'not_stated' then 0 else 1 end) as values_found,
        sum(numerator) as numerator
    from {{ ref('indicator_group') }}
    group by indicator_code, division_code, period, area_type, group_name
)

select
    cells.indicator_code,
    cells.division_code,
    cells.period,
    cells.area_type,
    listed.group_name
from cells
inner join listed on cells.indicator_code = listed.indicator_code
left join summed
    on
        cells.indicator_code = summed.indicator_code
        and cells.division_code = summed.division_code
        and cells.period = summed.period
        and cells.area_type = summed.area_type
        and listed.group_name = summed.group_name
where
    coalesce(summed.values_found, 0) <> listed.values_listed
    or abs(cells.numerator - coalesce(summed.numerator, 0.0)) > 0.000001 + 0.000000001 * cells.numerator
