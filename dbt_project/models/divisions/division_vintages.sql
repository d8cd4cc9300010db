{%- set levels = ['country', 'province', 'city', 'county', 'town', 'village'] -%}
with

placed as (
    select * from {{ ref('division_placed') }}
),

-- One unit in thirty is a parent: the ways to the top are walked once for these, not once for every village.
named as (
    select distinct
        vintage,
        above_code
    from placed
),

parents as (
    select placed.*
    from placed
    inner join named
        on
            placed.vintage = named.vintage
            and placed.code = named.above_code
),

-- Six levels are five steps to the top; a circle cannot run on.
paths as (
    select
        parent_1.vintage,
        parent_1.code,
        parent_2.code as grandparent_code,
        {{ name_stem('parent_1.name', 'parent_1.level') }} as parent_stem,
        {{ name_stem('parent_2.name', 'parent_2.level') }} as grandparent_stem,
        parent_3.code as step_3_code,
        parent_4.code as step_4_code,
        parent_5.code as step_5_code,
        -- Where the way to the top ends: null at a unit that names nobody above it.
        case
            {%- for step in [5, 4, 3, 2] %}
            when parent_{{ step }}.code is not null then parent_{{ step }}.above_code
            {%- endfor %}
            else parent_1.above_code
        end as beyond_code,
        {%- for level in levels %}
        coalesce(
            {%- for step in range(1, 6) %}
            case when parent_{{ step }}.level = '{{ level }}' then parent_{{ step }}.code end{{ ',' if not loop.last }}
            {%- endfor %}
        ) as {{ level }}_code,
        coalesce(
            {%- for step in range(1, 6) %}
            case when parent_{{ step }}.level = '{{ level }}' then parent_{{ step }}.name end{{ ',' if not loop.last }}
            {%- endfor %}
        ) as {{ level }}_name{{ ',' if not loop.last }}
        {%- endfor %}
    from parents as parent_1
    {%- for step in range(2, 6) %}
    left join parents as parent_{{ step }}
        on
            parent_1.vintage = parent_{{ step }}.vintage
            and parent_{{ step - 1 }}.above_code = parent_{{ step }}.code
    {%- endfor %}
),

chained as (
    select
        unit.vintage,
        unit.code,
        unit.name,
        unit.parent_code,
        unit.level,
        unit.urban_rural_code,
        unit.longitude,
        unit.latitude,
        unit.sender,
        unit.receipt,
        case when paths.code is null then unit.above_code else paths.beyond_code end as beyond_code,
        paths.grandparent_code,
        paths.parent_stem,
        paths.grandparent_stem,
        case
            when unit.is_orphan then 'parent_missing'
            when unit.code in (paths.grandparent_code, paths.step_3_code, paths.step_4_code, paths.step_5_code)
                then 'circle'
            when unit.is_disputed then 'described_twice'
        end as problem,
        {%- for level in levels %}
        case when unit.level = '{{ level }}' then unit.code else paths.{{ level }}_code end as {{ level }}_code,
        case
            when unit.level = '{{ level }}' then unit.name
            else paths.{{ level }}_name
        end as {{ level }}_name{{ ',' if not loop.last }}
        {%- endfor %}
    from placed as unit
    left join paths
        on
            unit.vintage = paths.vintage
            and unit.above_code = paths.code
),

final as (
    select
        vintage,
        code,
        name,
        parent_code,
        level,
        urban_rural_code,
        coalesce(nullif(concat_ws('', province_name, city_name, county_name, town_name, village_name), ''), name) as full_name,
        province_code,
        city_code,
        county_code,
        town_code,
        village_code,
        case when {{ is_on_globe('longitude', 'latitude') }} then longitude end as longitude,
        case when {{ is_on_globe('longitude', 'latitude') }} then latitude end as latitude,
        -- The topmost unit of the list: what another list says of another place does not concern this one. Where the list has
        -- left out a unit on the way, a statistical code still says the province.
        case
            when {{ names_its_province('code') }} and province_code is null and beyond_code is not null
                then {{ division_code_above('code', 0) }}
            else coalesce(province_code, city_code, county_code, town_code, village_code, code)
        end as top_code,
        {{ name_stem('name', 'level') }} as name_stem,
        grandparent_code,
        parent_stem,
        grandparent_stem,
        problem,
        sender,
        receipt
    from chained
)

select * from final
