with

reported as (
    select
        *,
        {{ month_start('_received_at') }} as month
    from {{ ref('stg_health__institutions') }}
),

codes as (
    select * from {{ ref('facility_codes') }}
    where register = 'health'
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

-- A month is described by its last register.
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
        coalesce(facilities.facility_type, 'unknown') as facility_type,
        newest.beds,
        newest.physicians,
        newest.nurses,
        cast(null as boolean) as is_on_time
    from newest
    left join facilities on newest.facility_id = facilities.facility_id
)

select * from final
