-- 居民数乘可达性等于有人可达的设施的供给（两步移动搜索法）。
-- · Residents times accessibility is the supply of the facilities that reach somebody (two-step floating catchment areas).
{{ config(meta={'dagster': {'ref': {'name': 'facility_access'}}}) }}
with

reached as (
    select
        circle_type,
        facility_id,
        max(supply) as supply
    from {{ ref('access_pairs') }}
    group by circle_type, facility_id
    having sum(residents) > 0
),

supplied as (
    select
        circle_type,
        sum(supply) as supply
    from reached
    group by circle_type
),

shared as (
    select
        circle_type,
        sum(residents * accessibility) as supply
    from {{ ref('facility_access') }}
    where
        division_level = 'village'
        and null_reason is null
    group by circle_type
)

select
    supplied.circle_type,
    supplied.supply,
    shared.supply as shared_supply
from supplied
inner join shared on supplied.circle_type = shared.circle_type
where abs(supplied.supply - shared.supply) > 0.000001 * supplied.supply
