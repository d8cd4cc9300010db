-- 层级成环，或一版少了一半单位，会使其上的合计全错：暂停发布，并用一句话写明等什么。
-- · A circle, or a vintage that lost half its units, breaks every sum above it: the release waits, and a sentence says for what.
with

broken as (
    select
        vintage,
        name,
        division_code,
        level,
        problem,
        evidence_zh,
        evidence_en,
        row_number() over (order by vintage desc, division_code asc, level asc) as place,
        count(*) over () as units
    from {{ ref('division_problem') }}
    where blocks_release
),

told as (
    select
        place,
        vintage,
        division_code,
        '区划代码表不能用 · the divisions are broken: ' || cast(vintage as string) || ' ' || name
        || ' (' || division_code || ', ' || level || ') ' || evidence_zh || ' · ' || evidence_en
        || '; ' || cast(units as string) || ' such in all, listed in division_problem. Ask the sender for the vintage again.'
            as sentence
    from broken
)

-- Asked for in the condition: dbt counts the rows, and an engine leaves out a column that nobody reads.
select
    vintage,
    division_code
from told
where
    place = 1
    and {{ fail_with('sentence') }} is null
