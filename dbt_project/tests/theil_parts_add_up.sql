-- 组间差异与组内差异之和为全部差异，各指数都不小于零。
-- · Inequality between groups and within them is all of it, and no index is below zero.
select
    indicator_code,
    area_code,
    period,
    unit_level
from {{ ref('equalisation') }}
where
    abs(theil_t_between_parent + theil_t_within_parent - theil_t) > 0.000000001
    or abs(theil_t_between_urban_rural + theil_t_within_urban_rural - theil_t) > 0.000000001
    or abs(theil_l_between_parent + theil_l_within_parent - theil_l) > 0.000000001
    or theil_t < -0.000000001
    or theil_l < -0.000000001
    or gini < -0.000000001
    or gini > 1.0
