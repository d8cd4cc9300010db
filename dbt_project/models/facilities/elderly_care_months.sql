with

reported as (
    select * from {{ ref('stg_civil_affairs__elderly_care') }}
),

codes as (
    select * from {{ ref('facility_codes') }}
    where register = 'elderly_care'
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

feeds as (
    select * from {{ ref('feeds') }}
    where code = 'civil_affairs.elderly_care'
),

delivered as (
    {{ newest_delivery('reported', by=['month']) }}
),

identified as (
    select
        delivered.*,
        codes.facility_id
    from delivered
    inner join codes
        on
            delivered.institution_code = codes.facility_code
            and delivered._sender = codes.sender
),

newest as (
    {{ newest_row('identified', key=['facility_id', 'month']) }}
),

final as (
    select
        newest.facility_id as unit,
        coalesce(facilities.division_code, 'unknown') as division_code,
        newest.month,
        newest.status = 'open' as is_open,
        newest.total_beds,
        newest.nursing_beds,
        newest.day_care_beds,
        newest.residents,
        coalesce(newest.is_medical_contracted, false) as is_medical_contracted,
        cast(newest._received_at as date)
        <= {{ add_days(month_end('newest.month'), 'cast(feeds.latency_days as int)') }} as is_on_time
    from newest
    cross join feeds
    left join facilities on newest.facility_id = facilities.facility_id
)

select * from final
