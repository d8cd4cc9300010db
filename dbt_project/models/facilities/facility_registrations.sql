{{ config(materialized='view') }}
{%- set feeds = contract_feeds('facility') -%}
with

final as (
    {%- for feed in feeds %}
    {%- set facility = feed.facility %}
    select
        '{{ facility.register }}' as register,
        '{{ facility.codes_of }}' as codes_of,
        {{ facility.code }} as facility_code,
        {{ facility.name }} as name,
        {{ facility.type_code }} as type_code,
        {{ facility.division_code }} as division_code,
        {{ facility.division_name }} as division_name,
        {{ facility.address }} as address,
        {{ facility.longitude }} as longitude,
        {{ facility.latitude }} as latitude,
        {{ facility.phone }} as phone,
        case
            when {{ facility.capacity }} is not null
                then '{{ facility.capacity_unit or '' }}'
        end as capacity_unit,
        {%- for column in register_columns() %}
        {{ facility[column] }} as {{ column }},
        {%- endfor %}
        {{ facility.snapshot_on }} as snapshot_on,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at
    from {{ ref(feed.model) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from final
