{#-
  The nearest facility is looked for in cells of 0.01°, then 0.1°, 1° and 10°: a wider search is only for those whom the narrower one
  did not settle. A facility found in neighbouring cells is the nearest if it is nearer than a cell is high; the widest search
  settles what is left.
-#}
with

near as (
    select * from {{ ref('access_search_near') }}
),

middle as (
    select * from {{ ref('access_search_middle') }}
),

far as (
    select * from {{ ref('access_search_far') }}
),

wide as (
    select * from {{ ref('access_search_wide') }}
),

rules as (
    select * from {{ ref('access_rules') }}
    where parameter = 'detour_factor'
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
    from wide
    where facility_id is not null
),

final as (
    select
        settled.division_code,
        settled.circle_type,
        settled.facility_id,
        rules.value * settled.metres as metres
    from settled
    cross join rules
)

select * from final
