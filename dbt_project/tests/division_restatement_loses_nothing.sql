-- 每版每个单位的权重之和为一，因此换算后的合计不变。
-- · The weights of every unit of every vintage sum to one, so a restated total is the total.
select
    division_code,
    vintage,
    sum(weight) as weight
from {{ ref('division_restatement') }}
group by division_code, vintage
having abs(sum(weight) - 1) > 1e-9
