with

reported as (
    select * from {{ ref('stg_civil_affairs__community_facilities') }}
),

places as (
    select * from {{ ref('division_matches') }}
),

delivered as (
    {{ newest_delivery('reported', by=['reported_on']) }}
),

-- One facility, one report: two senders may know it under one code.
newest as (
    {{ newest_row('delivered', key=['facility_code', 'reported_on']) }}
),

final as (
    select
        'community:' || newest.facility_code as facility_id,
        newest.reported_on,
        {{ month_start('newest.reported_on') }} as month,
        places.division_code,
        newest.is_comprehensive,
        newest.status = 'open' as is_open,
        newest.total_area_m2,
        newest.resident_activity_area_m2,
        newest.outdoor_area_m2,
        coalesce(newest.self_service_terminal, false) as has_self_service_terminal,
        newest._sender as sender,
        newest._receipt as receipt
    from newest
    inner join places
        on {{ text_key(['newest.division_code', 'newest.division_name']) }} = places.place_key
)

select * from final
