-- 政策规定的最大范围不超出相邻网格，网格高 0.01 纬度（1,111 米）。
-- · The widest reach of the policy fits into neighbouring cells of the grid, which are 0.01 degrees of latitude (1,111 m) high.
-- depends_on: {{ ref('facility_access') }}
{{ config(meta={'dagster': {'ref': {'name': 'facility_access'}}}) }}
select
    reach.value as reach_m,
    detour.value as detour_factor
from {{ ref('access_rules') }} as reach
cross join {{ ref('access_rules') }} as detour
where
    reach.parameter = 'reach_wide_m'
    and detour.parameter = 'detour_factor'
    and (reach.value / detour.value > 1111.0 or detour.value < 1.0)
