-- 目标所写的地区不是区划：代码写错，或缺该区划表。这样的目标不属于谁，在此列出。
-- · Targets of an area that is no division: a code is misspelt, or the list is not there. They are nobody's, and this lists them.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'indicator_targets'}}}) }}
select
    targets.indicator_code,
    targets.area,
    targets.target
from {{ ref('indicator_targets') }} as targets
left join {{ ref('dim_division') }} as divisions on targets.area = divisions.division_code
where
    coalesce(targets.area, '') <> ''
    and divisions.division_code is null
