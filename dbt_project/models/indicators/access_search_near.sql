with

sites as (
    select * from {{ ref('access_sites') }}
),

points as (
    select * from {{ ref('access_points') }}
    where
        longitude is not null
        and latitude is not null
),

types as (
    select distinct circle_type from {{ ref('access_sites') }}
),

asked as (
    select
        points.division_code,
        types.circle_type,
        points.longitude,
        points.latitude
    from points
    cross join types
),

{{ nearest_in_cells(0.02, seekers='points') }}

select * from final
