with

facilities as (
    select * from {{ ref('dim_facility') }}
    where
        is_open
        and longitude is not null
        and latitude is not null
        and division_method <> 'nearest'
),

points as (
    select * from {{ ref('access_points') }}
    where
        longitude is null
        or latitude is null
),

circle as (
    select * from {{ ref('circle_facilities') }}
    where facility_type is not null
),

types as (
    select distinct circle_type from circle
),

rules as (
    select * from {{ ref('access_rules') }}
    where parameter = 'assumed_point_facilities_min'
),

-- A facility says nothing of how far its own community has to its type.
located as (
    select
        points.division_code,
        points.register_code,
        points.residents,
        types.circle_type,
        facilities.longitude,
        facilities.latitude
    from points
    inner join facilities on points.division_code = facilities.division_code
    cross join types
    left join circle
        on
            types.circle_type = circle.circle_type
            and facilities.facility_type = circle.facility_type
    where circle.facility_type is null
),

middles as (
    select
        division_code,
        circle_type,
        max(register_code) as register_code,
        max(residents) as residents,
        median(longitude) as longitude,
        median(latitude) as latitude,
        cast(count(*) as bigint) as facilities
    from located
    group by division_code, circle_type
),

final as (
    select middles.*
    from middles
    cross join rules
    where
        rules.value > 0
        and middles.facilities >= rules.value
)

select * from final
