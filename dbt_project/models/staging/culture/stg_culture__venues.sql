with

source as (
    select * from {{ source('culture', 'venues') }}
),

final as (
    select
        venue_id,
        name,
        venue_type_code,
        grade,
        division_code,
        division_name,
        address,
        longitude,
        latitude,
        coordinate_system,
        phone,
        uscc,
        floor_area_m2,
        seats,
        holdings,
        opened_on,
        case status when '1' then 'open' when '2' then 'suspended' when '0' then 'closed' end as status,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
