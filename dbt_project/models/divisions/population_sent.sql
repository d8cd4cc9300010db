{{ config(materialized='view') }}
{%- set measures = ['households', 'population', 'aged_0_2', 'aged_60_plus', 'aged_65_plus', 'urban_residents'] -%}
with

delivered as (
    select * from {{ ref('stg_reference__population') }}
),

newest as (
    {{ newest_delivery('delivered', by=['year']) }}
),

places as (
    select * from {{ ref('division_matches') }}
),

-- Provinces are the highest units with residents of their own: a country's total is no division's.
countries as (
    select distinct code
    from {{ ref('division_vintages') }}
    where level = 'country'
),

keyed as (
    select
        newest.*,
        {{ text_key(['division_code', 'division_name']) }} as place_key
    from newest
),

reported as (
    {{ newest_row('keyed', key=['place_key', 'year']) }}
),

final as (
    select
        reported.place_key,
        reported.year,
        coalesce(reported.division_code, reported.division_name) as sent_place,
        case when countries.code is null then places.division_code else 'unknown' end as division_code,
        case when countries.code is null then places.division_method else 'none' end as division_method,
        {{ prefixed('reported', measures) }},
        reported._feed as feed,
        reported._sender as sender,
        reported._receipt as receipt
    from reported
    inner join places on reported.place_key = places.place_key
    left join countries on places.division_code = countries.code
)

select * from final
