{#-
  Names and parents that make two units one, the surest first. A unit that one key has matched is not asked again. Units of both
  vintages stand in one list and meet in a window: a join of what each key has left would be written out once more for each key.
-#}
{%- set keys = {
    'same_name_same_parent': ['parent_code', 'name'],
    'same_stem_same_parent': ['parent_code', 'name_stem'],
    'same_stem_parent_renumbered': ['grandparent_code', 'parent_stem', 'name_stem'],
    'same_stem_parents_renumbered': ['top_code', 'grandparent_stem', 'parent_stem', 'name_stem'],
    'same_stem_same_grandparent': ['grandparent_code', 'name_stem'],
    'same_stem_same_province': ['top_code', 'sole_stem'],
} -%}
{%- set carried = [
    'vintage', 'level', 'code', 'name', 'name_stem', 'parent_code', 'parent_stem', 'grandparent_code', 'grandparent_stem',
    'top_code', 'sole_stem', 'met_in', 'side',
] -%}
with

vintages as (
    select * from {{ ref('division_vintages') }}
),

candidates as (
    select * from {{ ref('division_candidates') }}
),

apart as (
    {{ pairs_told_apart() }}
),

-- From the county upwards a name that only one unit of the province bears tells the place, wherever its code has wandered.
sole as (
    select
        vintage,
        level,
        top_code,
        name_stem
    from vintages
    where level in ('city', 'county')
    group by vintage, level, top_code, name_stem
    having count(*) = 1
),

units as (
    select
        candidates.*,
        sole.name_stem as sole_stem
    from candidates
    left join sole
        on
            candidates.vintage = sole.vintage
            and candidates.level = sole.level
            and candidates.top_code = sole.top_code
            and candidates.name_stem = sole.name_stem
),

kept as (
    select
        {{ unit_pair() }},
        case
            when older.parent_code <> newer.parent_code then 'same_code_moved_parent'
            when older.name = newer.name then 'same_code_same_name'
            else 'same_code_same_stem'
        end as reason
    from units as older
    inner join units as newer
        on
            older.next_vintage = newer.vintage
            and older.code = newer.code
            and older.level = newer.level
            and older.name_stem = newer.name_stem
    left join apart
        on
            newer.vintage = apart.to_vintage
            and older.code = apart.old_code
            and newer.code = apart.new_code
    where newer.previous_vintage is not null and apart.old_code is null
),

-- What code and name have not found again: of the older vintage and of the newer, beside the vintage in which the two meet.
left_alone as (
    select
        units.*,
        units.next_vintage as met_in,
        'older' as side
    from units
    left join kept
        on
            units.vintage = kept.from_vintage
            and units.code = kept.old_code
    where kept.old_code is null and units.next_vintage is not null
    union all
    select
        units.*,
        units.vintage as met_in,
        'newer' as side
    from units
    left join kept
        on
            units.vintage = kept.to_vintage
            and units.code = kept.new_code
    where kept.new_code is null and units.previous_vintage is not null
),

asked_0 as (
    select
        left_alone.*,
        cast(null as string) as new_code,
        cast(null as string) as reason
    from left_alone
),
{%- for reason, key in keys.items() %}

borne_{{ loop.index }} as (
    select
        asked.*,
        count(case when reason is null then 1 end) over (partition by side, vintage, level, {{ key | join(', ') }}) = 1
        and reason is null
        {%- for column in key %}
        and {{ column }} is not null
        {%- endfor %} as is_sole
    from asked_{{ loop.index0 }} as asked
),

met_{{ loop.index }} as (
    select
        borne.*,
        max(case when is_sole and side = 'older' then code end)
            over (partition by met_in, level, {{ key | join(', ') }}) as sole_older,
        max(case when is_sole and side = 'newer' then code end)
            over (partition by met_in, level, {{ key | join(', ') }}) as sole_newer
    from borne_{{ loop.index }} as borne
),

asked_{{ loop.index }} as (
    select
        {{ carried | join(',\n        ') }},
        case when is_sole and sole_older is not null and sole_newer is not null then sole_newer else new_code end as new_code,
        case when is_sole and sole_older is not null and sole_newer is not null then '{{ reason }}' else reason end as reason
    from met_{{ loop.index }}
),
{%- endfor %}

met_again as (
    select
        vintage as from_vintage,
        met_in as to_vintage,
        level,
        code as old_code,
        new_code,
        reason
    from asked_{{ keys | length }}
    where side = 'older' and reason is not null
),

final as (
    select
        {{ unit_pair_columns() }}
    from kept
    union all
    select met_again.*
    from met_again
    left join apart
        on
            met_again.to_vintage = apart.to_vintage
            and met_again.old_code = apart.old_code
            and met_again.new_code = apart.new_code
    where apart.old_code is null
)

select * from final
