with

source as (
    select * from {{ source('civil_affairs', 'elderly_care') }}
),

final as (
    select
        institution_code,
        month,
        name,
        institution_type,
        division_code,
        division_name,
        address,
        longitude,
        latitude,
        coordinate_system,
        phone,
        uscc,
        total_beds,
        nursing_beds,
        day_care_beds,
        residents,
        floor_area_m2,
        is_medical_contracted,
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
