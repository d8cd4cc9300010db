with

health_volumes as (
    select * from {{ ref('stg_health__service_volumes') }}
),

openings as (
    select * from {{ ref('stg_sports__openings') }}
),

activities as (
    select * from {{ ref('stg_culture__activities') }}
),

items as (
    select * from {{ ref('service_items') }}
),

item_codes as (
    select * from {{ ref('service_item_codes') }}
),

feed_items as (
    select * from {{ ref('volume_service_items') }}
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

measured as (
    select
        'health' as register,
        _feed,
        institution_code as facility_code,
        served_on,
        service_item_code,
        visits,
        cast(null as bigint) as participants,
        cast(null as bigint) as sessions,
        cast(null as double) as open_hours,
        _sender
    from health_volumes
    union all
    select
        'sports' as register,
        _feed,
        venue_id as facility_code,
        opened_on as served_on,
        null as service_item_code,
        visits,
        null as participants,
        null as sessions,
        open_hours,
        _sender
    from openings
    union all
    select
        'culture' as register,
        _feed,
        venue_id as facility_code,
        held_on as served_on,
        service_item_code,
        null as visits,
        participants,
        sessions,
        null as open_hours,
        _sender
    from activities
),

itemised as (
    select
        measured.register || ':' || measured.facility_code as facility_id,
        measured.served_on,
        case
            when measured.service_item_code is null then coalesce(feed_items.service_item_code, 'unknown')
            else {{ mapped_code('item_codes', 'items', 'service_item_code') }}
        end as service_item_code,
        split_part(measured._feed, '.', 1) as department_code,
        measured.visits,
        measured.participants,
        measured.sessions,
        measured.open_hours
    from measured
    left join feed_items on measured._feed = feed_items.feed
    {{ code_map_joins('measured', 'service_item_code', map='item_codes', own='items') }}
),

summed as (
    select
        facility_id,
        served_on,
        service_item_code,
        department_code,
        cast(sum(visits) as bigint) as visits,
        cast(sum(participants) as bigint) as participants,
        cast(sum(sessions) as bigint) as sessions,
        sum(open_hours) as open_hours
    from itemised
    group by facility_id, served_on, service_item_code, department_code
),

final as (
    select
        summed.facility_id,
        summed.served_on,
        summed.service_item_code,
        summed.department_code,
        coalesce(facilities.division_code, 'unknown') as division_code,
        facilities.facility_id is not null as is_facility_registered,
        summed.visits,
        summed.participants,
        summed.sessions,
        summed.open_hours
    from summed
    left join facilities on summed.facility_id = facilities.facility_id
)

select * from final
