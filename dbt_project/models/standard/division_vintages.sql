{%- set levels = ['country', 'province', 'city', 'county', 'town', 'village'] -%}
with

divisions as (
    select * from {{ ref('stg_reference__divisions') }}
),

delivered as (
    {{ newest_delivery('divisions', by=['vintage']) }}
),

-- Two senders may describe one unit in one vintage: the later word counts.
units as (
    {{ newest_row('delivered', key=['vintage', 'code']) }}
),

-- Six levels are five steps to the top; a circle cannot run on.
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
        case
            when unit.parent_code is null then null
            when parent_1.code is null then 'parent_missing'
            when unit.code in (parent_2.code, parent_3.code, parent_4.code, parent_5.code) then 'circle'
        end as problem,
        {%- for level in levels %}
        coalesce(
            case when unit.level = '{{ level }}' then unit.code end,
            {%- for step in range(1, 6) %}
            case when parent_{{ step }}.level = '{{ level }}' then parent_{{ step }}.code end{{ ',' if not loop.last }}
            {%- endfor %}
        ) as {{ level }}_code,
        coalesce(
            case when unit.level = '{{ level }}' then unit.name end,
            {%- for step in range(1, 6) %}
            case when parent_{{ step }}.level = '{{ level }}' then parent_{{ step }}.name end{{ ',' if not loop.last }}
            {%- endfor %}
        ) as {{ level }}_name{{ ',' if not loop.last }}
        {%- endfor %}
    from units as unit
    {%- for step in range(1, 6) %}
    left join units as parent_{{ step }}
        on
            parent_{{ step }}.vintage = unit.vintage
            and parent_{{ step }}.code = {{ 'unit' if step == 1 else 'parent_%d' % (step - 1) }}.parent_code
    {%- endfor %}
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
        longitude,
        latitude,
        problem,
        sender,
        receipt
    from chained
)

select * from final
