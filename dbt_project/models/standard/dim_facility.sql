with

institutions as (
    select * from {{ ref('stg_health__institutions') }}
),

sports_venues as (
    select * from {{ ref('stg_sports__venues') }}
),

culture_venues as (
    select * from {{ ref('stg_culture__venues') }}
),

elderly_care as (
    select * from {{ ref('stg_civil_affairs__elderly_care') }}
),

community_facilities as (
    select * from {{ ref('stg_civil_affairs__community_facilities') }}
),

places as (
    select * from {{ ref('division_matches') }}
),

type_codes as (
    select * from {{ ref('facility_type_codes') }}
),

types as (
    select * from {{ ref('facility_types') }}
),

newest_institutions as (
    {{ newest_delivery('institutions') }}
),

newest_sports_venues as (
    {{ newest_delivery('sports_venues') }}
),

newest_culture_venues as (
    {{ newest_delivery('culture_venues') }}
),

latest_elderly_care as (
    {{ latest_period('elderly_care', 'month') }}
),

newest_elderly_care as (
    {{ newest_delivery('latest_elderly_care') }}
),

latest_community_facilities as (
    {{ latest_period('community_facilities', 'reported_on') }}
),

newest_community_facilities as (
    {{ newest_delivery('latest_community_facilities') }}
),

reported as (
    select
        'health' as register,
        _feed,
        institution_code as facility_code,
        name,
        category_code as type_code,
        division_code,
        division_name,
        address,
        longitude,
        latitude,
        floor_area_m2 as area_m2,
        beds as capacity,
        'bed' as capacity_unit,
        opened_on,
        status,
        _sender,
        _receipt,
        _row,
        _received_at
    from newest_institutions
    union all
    select
        'sports' as register,
        _feed,
        venue_id as facility_code,
        name,
        venue_type_code as type_code,
        division_code,
        division_name,
        address,
        longitude,
        latitude,
        area_m2,
        null as capacity,
        null as capacity_unit,
        opened_on,
        status,
        _sender,
        _receipt,
        _row,
        _received_at
    from newest_sports_venues
    union all
    select
        'culture' as register,
        _feed,
        venue_id as facility_code,
        name,
        venue_type_code as type_code,
        division_code,
        division_name,
        address,
        longitude,
        latitude,
        floor_area_m2 as area_m2,
        seats as capacity,
        'seat' as capacity_unit,
        opened_on,
        status,
        _sender,
        _receipt,
        _row,
        _received_at
    from newest_culture_venues
    union all
    select
        'elderly_care' as register,
        _feed,
        institution_code as facility_code,
        name,
        institution_type as type_code,
        division_code,
        division_name,
        address,
        longitude,
        latitude,
        floor_area_m2 as area_m2,
        total_beds as capacity,
        'bed' as capacity_unit,
        opened_on,
        status,
        _sender,
        _receipt,
        _row,
        _received_at
    from newest_elderly_care
    union all
    select
        'community' as register,
        _feed,
        facility_code,
        facility_name as name,
        case when is_comprehensive then 'comprehensive' else 'other' end as type_code,
        division_code,
        division_name,
        address,
        longitude,
        latitude,
        total_area_m2 as area_m2,
        null as capacity,
        null as capacity_unit,
        opened_on,
        status,
        _sender,
        _receipt,
        _row,
        _received_at
    from newest_community_facilities
),

-- Two senders may report one facility under one code: the later word counts.
facilities as (
    {{ newest_row('reported', key=['register', 'facility_code']) }}
),

final as (
    select
        facilities.register || ':' || facilities.facility_code as facility_id,
        facilities.facility_code,
        facilities.name,
        split_part(facilities._feed, '.', 1) as department_code,
        facilities._feed as feed,
        coalesce(types.code, 'unknown') as facility_type,
        facilities.type_code as sent_type_code,
        places.division_code,
        places.division_method,
        facilities.division_code as sent_division_code,
        facilities.address,
        facilities.longitude,
        facilities.latitude,
        facilities.area_m2,
        cast(facilities.capacity as bigint) as capacity,
        case when facilities.capacity is not null then facilities.capacity_unit end as capacity_unit,
        facilities.opened_on,
        facilities.status,
        facilities.status = 'open' as is_open,
        facilities._sender as sender,
        facilities._receipt as receipt
    from facilities
    left join type_codes
        on
            facilities._feed = type_codes.feed
            and facilities.type_code = type_codes.sent_code
    left join types on type_codes.facility_type = types.code
    inner join places
        on {{ text_key(['facilities.division_code', 'facilities.division_name']) }} = places.place_key
)

select * from final
