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
    select
        max(case when parameter = 'default_point_from' then value end) as default_point_from,
        max(case when parameter = 'box_points_from' then value end) as box_points_from,
        max(case when parameter = 'box_deviations' then value end) as box_deviations,
        max(case when parameter = 'box_least_degrees' then value end) as box_least_degrees
    from {{ ref('facility_place_rules') }}
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
        places.address,
        places.longitude,
        places.latitude,
        case
            when matches.division_method <> 'none' then matches.division_code
            else coalesce(addresses.division_code, 'unknown')
        end as division_code,
        case
            when matches.division_method <> 'none' then matches.division_method
            when addresses.division_code is not null then 'address'
            else 'none'
        end as division_method
    from places
    inner join matches
        on {{ text_key(['places.division_code', 'places.division_name']) }} = matches.place_key
    left join addresses on places.address = addresses.address
),

shared as (
    select
        longitude,
        latitude,
        count(distinct coalesce(address, place_key)) as addresses
    from stated
    where longitude is not null and latitude is not null
    group by longitude, latitude
),

located as (
    select
        stated.*,
        coalesce(divisions.county_code, divisions.city_code) as county_code,
        coalesce(shared.addresses >= rules.default_point_from, false) as is_default
    from stated
    cross join rules
    left join shared on stated.longitude = shared.longitude and stated.latitude = shared.latitude
    left join divisions on stated.division_code = divisions.division_code
),

-- The points of the list of divisions and of the facilities whose division is stated.
known as (
    select
        coalesce(county_code, city_code) as county_code,
        longitude,
        latitude
    from divisions
    where level in ('town', 'village') and valid_to_year is null and {{ is_on_globe('longitude', 'latitude') }}
    union all
    select
        county_code,
        longitude,
        latitude
    from located
    where not is_default and {{ is_on_globe('longitude', 'latitude') }}
),

medians as (
    select
        county_code,
        count(*) as points,
        median(longitude) as longitude,
        median(latitude) as latitude
    from known
    where county_code is not null
    group by county_code
),

-- Medians and their deviations, not extremes: the wrong points are among those the box is drawn from.
deviations as (
    select
        known.county_code,
        median(abs(known.longitude - medians.longitude)) as longitude_deviation,
        median(abs(known.latitude - medians.latitude)) as latitude_deviation
    from known
    inner join medians on known.county_code = medians.county_code
    group by known.county_code
),

boxes as (
    select
        medians.county_code,
        medians.longitude,
        medians.latitude,
        greatest(rules.box_least_degrees, rules.box_deviations * deviations.longitude_deviation) as half_width,
        greatest(rules.box_least_degrees, rules.box_deviations * deviations.latitude_deviation) as half_height
    from medians
    inner join deviations on medians.county_code = deviations.county_code
    cross join rules
    where medians.points >= rules.box_points_from
),

compared as (
    select
        located.*,
        boxes.county_code is not null as has_box,
        {{ is_on_globe('located.longitude', 'located.latitude') }} as is_on_globe,
        -- Nowhere as sent, somewhere the other way round: in China, what has its axes swapped says a latitude above 90.
        {{ is_on_globe('located.latitude', 'located.longitude') }} as is_swapped_on_globe,
        coalesce(
            abs(located.longitude - boxes.longitude) <= boxes.half_width
            and abs(located.latitude - boxes.latitude) <= boxes.half_height,
            false
        ) as is_inside,
        coalesce(
            abs(located.latitude - boxes.longitude) <= boxes.half_width
            and abs(located.longitude - boxes.latitude) <= boxes.half_height,
            false
        ) as is_swapped_inside
    from located
    left join boxes on located.county_code = boxes.county_code
),

reasoned as (
    select
        compared.*,
        case
            when longitude is null or latitude is null then 'not_sent'
            when is_default then 'default_point'
            when is_inside then 'inside_division'
            when is_swapped_inside or (not is_on_globe and is_swapped_on_globe) then 'swapped_axes'
            when not is_on_globe then 'off_the_globe'
            when county_code is null then 'division_unknown'
            when not has_box then 'too_few_points'
            else 'outside_division'
        end as point_reason
    from compared
),

final as (
    select
        place_key,
        division_code,
        division_method,
        longitude,
        latitude,
        case
            when point_reason = 'not_sent' then 'none'
            when point_reason = 'inside_division' then 'checked'
            when point_reason in ('division_unknown', 'too_few_points') then 'unchecked'
            else 'refused'
        end as point_trust,
        point_reason
    from reasoned
)

select * from final
