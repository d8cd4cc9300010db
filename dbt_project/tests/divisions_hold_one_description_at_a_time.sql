-- 同一级别内，一个代码的各段年份互不重叠。
-- · The years of one code never overlap within one level.
with

followed as (
    select
        division_code,
        level,
        valid_from_year,
        valid_to_year,
        lead(valid_from_year) over (partition by division_code, level order by valid_from_year) as next_from
    from {{ ref('dim_division_history') }}
)

select
    division_code,
    level,
    valid_from_year,
    valid_to_year
from followed
where
    next_from <= coalesce(valid_to_year, 9999)
    or valid_to_year < valid_from_year
