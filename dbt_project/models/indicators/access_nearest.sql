{#-
  The nearest facility is looked for in cells of 0.02°, then 0.06°, 0.2°, 0.6°, 2° and 10°: a wider search is only for those whom the
  narrower one did not settle. Each is some three times as wide as the one before: of ten times, a search would measure a hundred times
  as many facilities as it needs. A facility found in neighbouring cells is the nearest if it is nearer than a cell is high; the widest
  search settles what is left.
-#}
with

near as (
    select * from {{ ref('access_search_near') }}
),

nearby as (
    select * from {{ ref('access_search_nearby') }}
),

middle as (
    select * from {{ ref('access_search_middle') }}
),

far as (
    select * from {{ ref('access_search_far') }}
),

farther as (
    select * from {{ ref('access_search_farther') }}
),

wide as (
    select * from {{ ref('access_search_wide') }}
),

rules as (
    select * from {{ ref('access_rules') }}
    where parameter = 'detour_factor'
),

-- Whoever lies at a network that is given: straight lines to what lies off it are among these distances.
roads as (
    select * from {{ source('derived', 'road_distances') }}
    where is_nearest
),

settled as (
    select
        division_code,
        circle_type,
        facility_id,
        metres
    from near
    where is_settled
    union all
    select
        division_code,
        circle_type,
        facility_id,
        metres
    from nearby
    where is_settled
    union all
    select
        division_code,
        circle_type,
        facility_id,
        metres
    from middle
    where is_settled
    union all
    select
        division_code,
        circle_type,
        facility_id,
        metres
    from far
    where is_settled
    union all
    select
        division_code,
        circle_type,
        facility_id,
        metres
    from farther
    where is_settled
    union all
    select
        division_code,
        circle_type,
        facility_id,
        metres
    from wide
    where facility_id is not null
),

straight as (
    {{ off_the_roads('settled') }}
),

final as (
    select
        straight.division_code,
        straight.circle_type,
        straight.facility_id,
        rules.value * straight.metres as metres,
        'straight_line' as distance_kind
    from straight
    cross join rules
    union all
    select
        division_code,
        circle_type,
        facility_id,
        metres,
        distance_kind
    from roads
)

select * from final
