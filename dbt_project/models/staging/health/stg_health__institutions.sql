with

source as (
    select * from {{ source('health', 'institutions') }}
),

final as (
    select
        institution_code,
        name,
        category_code,
        division_code,
        division_name,
        address,
        longitude,
        latitude,
        coordinate_system,
        phone,
        uscc,
        beds,
        physicians,
        nurses,
        floor_area_m2,
        ownership,
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
