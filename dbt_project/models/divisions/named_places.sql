{{ config(materialized='view') }}
{%- set feeds = contract_feeds('names_places') -%}
with

final as (
    {%- for feed in feeds %}
    select
        division_code,
        division_name
    from {{ ref(feed.model) }}
    {{ 'union' if not loop.last }}
    {%- endfor %}
)

select * from final
