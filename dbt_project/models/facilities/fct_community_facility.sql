with

reported as (
    select * from {{ ref('stg_civil_affairs__community_facilities') }}
),

places as (
    select * from {{ ref('division_matches') }}
),

codes as (
    select * from {{ ref('facility_codes') }}
    where register = 'community'
),

delivered as (
    {{ newest_delivery('reported', by=['reported_on']) }}
),

identified as (
    select
        delivered.*,
        codes.facility_id
    from delivered
    inner join codes
        on
            delivered.facility_code = codes.facility_code
            and delivered._sender = codes.sender
),

-- One facility, one report.
newest as (
    {{ newest_row('identified', key=['facility_id', 'reported_on']) }}
),

final as (
    select
        newest.facility_id,
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
