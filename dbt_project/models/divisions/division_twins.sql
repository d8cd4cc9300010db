{#- Names and parents that make two units one, the surest first. A unit that one key has matched is not asked again. -#}
{%- set keys = {
    'same_name_same_parent': ['parent_code', 'name'],
    'same_stem_same_parent': ['parent_code', 'name_stem'],
    'same_stem_parent_renumbered': ['grandparent_code', 'parent_stem', 'name_stem'],
    'same_stem_parents_renumbered': ['top_code', 'grandparent_stem', 'parent_stem', 'name_stem'],
    'same_stem_same_grandparent': ['grandparent_code', 'name_stem'],
    'same_stem_same_province': ['top_code', 'sole_stem'],
} -%}
with

vintages as (
    select * from {{ ref('division_vintages') }}
),

scopes as (
    select * from {{ ref('division_scopes') }}
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
        vintages.vintage,
        scopes.previous_vintage,
        scopes.next_vintage,
        vintages.level,
        vintages.code,
        vintages.name,
        vintages.name_stem,
        vintages.parent_code,
        vintages.parent_stem,
        vintages.grandparent_code,
        vintages.grandparent_stem,
        vintages.top_code,
        sole.name_stem as sole_stem
    from vintages
    {{ join_scopes() }}
    left join sole
        on
            vintages.vintage = sole.vintage
            and vintages.level = sole.level
            and vintages.top_code = sole.top_code
            and vintages.name_stem = sole.name_stem
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
),

older_left as (
    {{ units_without('units', 'kept', side='old') }}
    and units.next_vintage is not null
),

newer_left as (
    {{ units_without('units', 'kept', side='new') }}
    and units.previous_vintage is not null
),
{%- for reason, key in keys.items() %}
{%- set older = 'older_left' if loop.first else 'older_left_%d' % loop.index0 %}
{%- set newer = 'newer_left' if loop.first else 'newer_left_%d' % loop.index0 %}
{%- for side in [older, newer] %}

{{ side }}_by_{{ reason }} as (
    select
        {{ side }}.*,
        count(*) over (partition by vintage, level, {{ key | join(', ') }}) as bearers
    from {{ side }}
),
{%- endfor %}

by_{{ reason }} as (
    select
        {{ unit_pair() }},
        '{{ reason }}' as reason
    from {{ older }}_by_{{ reason }} as older
    inner join {{ newer }}_by_{{ reason }} as newer
        on
            older.next_vintage = newer.vintage
            and older.level = newer.level
            {%- for column in key %}
            and older.{{ column }} = newer.{{ column }}
            {%- endfor %}
    where older.bearers = 1 and newer.bearers = 1
),
{%- if not loop.last %}

older_left_{{ loop.index }} as (
    {{ units_without(older, 'by_' ~ reason, side='old') }}
),

newer_left_{{ loop.index }} as (
    {{ units_without(newer, 'by_' ~ reason, side='new') }}
),
{%- endif %}
{%- endfor %}

final as (
    select
        {{ unit_pair_columns() }}
    from kept
    {%- for reason in keys %}
    union all
    select
        {{ unit_pair_columns() }}
    from by_{{ reason }}
    {%- endfor %}
)

select * from final
