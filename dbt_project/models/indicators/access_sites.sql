with

facilities as (
    select * from {{ ref('dim_facility') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

circle as (
    select * from {{ ref('circle_facilities') }}
    where facility_type is not null
),

serving as (
    select
        facilities.facility_id,
        circle.circle_type,
        coalesce(
            divisions.city_code,
            divisions.province_code,
            divisions.county_code,
            divisions.town_code,
            divisions.village_code,
            'unknown'
        ) as register_code,
        facilities.longitude,
        facilities.latitude,
        case circle.supply when 'capacity' then cast(coalesce(facilities.capacity, 0) as double) else 1.0 end as supply
    from facilities
    inner join circle on facilities.facility_type = circle.facility_type
    left join divisions on facilities.division_code = divisions.division_code
    where
        facilities.is_open
        and facilities.longitude is not null
        and facilities.latitude is not null
),

-- Numbered, so that the nearest is found by the least of one number.
final as (
    select
        serving.*,
        cast(row_number() over (order by facility_id asc, circle_type asc) as bigint) as site_number
    from serving
)

select * from final
