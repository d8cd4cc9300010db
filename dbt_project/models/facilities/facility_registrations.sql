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
        {{ facility.area_m2 }} as area_m2,
        cast({{ facility.capacity }} as bigint) as capacity,
        case
            when {{ facility.capacity }} is not null
                then '{{ facility.capacity_unit or '' }}'
        end as capacity_unit,
        {{ facility.opened_on }} as opened_on,
        {{ facility.status }} as status,
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
