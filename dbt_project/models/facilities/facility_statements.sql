with

reports as (
    select * from {{ ref('facility_reports') }}
),

matches as (
    select * from {{ ref('division_matches') }}
),

addresses as (
    select * from {{ ref('facility_addresses') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

rules as (
    select max(case when parameter = 'default_point_from' then value end) as default_point_from
    from {{ ref('facility_place_rules') }}
),

-- An address with a number is one building, however many names it has; without one, names tell facilities apart.
things as (
    select
        facility_id,
        longitude,
        latitude,
        case when {{ has_digit('address') }} then address else coalesce(name, place_key) end as thing
    from reports
    where longitude is not null and latitude is not null
),

shared as (
    select
        longitude,
        latitude,
        -- One facility that was renamed or moved is still one.
        least(count(distinct thing), count(distinct facility_id)) as sharing
    from things
    group by longitude, latitude
),

places as (
    select distinct
        place_key,
        division_code,
        division_name,
        address,
        longitude,
        latitude
    from reports
),

-- What a row says of itself: its code, its division's name, then its address.
stated as (
    select
        places.place_key,
        places.longitude,
        places.latitude,
        case
            when matches.division_code <> 'unknown' then matches.division_code
            else coalesce(addresses.division_code, 'unknown')
        end as division_code,
        case
            when matches.division_code <> 'unknown' then matches.division_method
            when addresses.division_code is not null then 'address'
            else matches.division_method
        end as division_method
    from places
    inner join matches
        on {{ text_key(['places.division_code', 'places.division_name']) }} = matches.place_key
    left join addresses on places.address = addresses.address
),

-- A city's name alone does not say in which of its counties; a city without counties is compared as one.
cities_with_counties as (
    select distinct city_code
    from divisions
    where level = 'county' and valid_to_year is null and city_code is not null
),

final as (
    select
        stated.place_key,
        stated.division_code,
        stated.division_method,
        coalesce(
            divisions.county_code, case when cities_with_counties.city_code is null then divisions.city_code end
        ) as county_code,
        stated.longitude,
        stated.latitude,
        coalesce(shared.sharing >= rules.default_point_from, false) as is_default
    from stated
    cross join rules
    left join shared on stated.longitude = shared.longitude and stated.latitude = shared.latitude
    left join divisions on stated.division_code = divisions.division_code
    left join cities_with_counties on divisions.city_code = cities_with_counties.city_code
)

select * from final
