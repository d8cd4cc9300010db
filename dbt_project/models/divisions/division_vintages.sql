{%- set levels = ['country', 'province', 'city', 'county', 'town', 'village'] -%}
with

divisions as (
    select * from {{ ref('stg_reference__divisions') }}
),

division_levels as (
    select * from {{ ref('division_levels') }}
),

delivered as (
    {{ newest_delivery('divisions', by=['vintage']) }}
),

in_force as (
    select * from delivered
    where not is_marked_abolished
),

-- Two senders may describe one unit in one vintage: the later word counts.
units as (
    {{ newest_row('in_force', key=['vintage', 'code']) }}
),

disputed as (
    select
        vintage,
        code
    from in_force
    group by vintage, code
    -- Who does not say what stands above does not contradict.
    having min(name) <> max(name) or min(parent_code) <> max(parent_code)
),

missing as (
    select distinct
        unit.vintage,
        unit.parent_code
    from units as unit
    left join units as parent
        on
            unit.vintage = parent.vintage
            and unit.parent_code = parent.code
    where unit.parent_code is not null and parent.code is null
),

-- A missing town's code still says the county: what lay below it counts there, and is not lost to every sum above.
stand_ins as (
    {%- for digits in [9, 6, 4, 2] %}
    select
        missing.vintage,
        missing.parent_code,
        units.code,
        division_levels.depth,
        {{ digits }} as digits
    from missing
    inner join units
        on
            missing.vintage = units.vintage
            and substr(missing.parent_code, 1, {{ digits }}) || '{{ '0' * (12 - digits) }}' = units.code
    inner join division_levels on units.level = division_levels.level
    where length(missing.parent_code) = 12
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

nearest_stand_in as (
    select
        stand_ins.*,
        row_number() over (partition by vintage, parent_code order by digits desc) as place
    from stand_ins
),

placed as (
    select
        unit.*,
        missing.parent_code is not null as is_orphan,
        case
            when missing.parent_code is null then unit.parent_code
            when stand_in.depth < division_levels.depth then stand_in.code
            else unit.parent_code
        end as above_code
    from units as unit
    left join missing
        on
            unit.vintage = missing.vintage
            and unit.parent_code = missing.parent_code
    left join nearest_stand_in as stand_in
        on
            unit.vintage = stand_in.vintage
            and unit.parent_code = stand_in.parent_code
            and stand_in.place = 1
    left join division_levels on unit.level = division_levels.level
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
        unit._sender as sender,
        unit._receipt as receipt,
        case when paths.code is null then unit.above_code else paths.beyond_code end as beyond_code,
        paths.grandparent_code,
        paths.parent_stem,
        paths.grandparent_stem,
        case
            when unit.is_orphan then 'parent_missing'
            when unit.code in (paths.grandparent_code, paths.step_3_code, paths.step_4_code, paths.step_5_code)
                then 'circle'
            when disputed.code is not null then 'described_twice'
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
    left join disputed
        on
            unit.vintage = disputed.vintage
            and unit.code = disputed.code
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
            when province_code is null and beyond_code is not null and length(code) = 12
                then substr(code, 1, 2) || '0000000000'
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
