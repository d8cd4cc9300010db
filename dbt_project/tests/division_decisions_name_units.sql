-- 人工区划决定所写的单位不在任何相邻两版中：代码写错、缺这一版，或年份不是新版的年份。这样的决定不起作用，在此列出。
-- · Decisions by hand on divisions that no two neighbouring vintages hold: a code is misspelt, a list is not there, or the year
-- is not the one of the newer vintage. They decide nothing, and this lists them.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'division_decided'}}}) }}
select
    decisions.to_vintage,
    decisions.old_code,
    decisions.new_code,
    decisions.decision
from {{ ref('division_change_decisions') }} as decisions
left join {{ ref('division_decided') }} as decided
    on
        decisions.to_vintage = decided.to_vintage
        and decisions.old_code = decided.old_code
        and coalesce(decisions.new_code, '') = coalesce(decided.new_code, '')
where decided.old_code is null
