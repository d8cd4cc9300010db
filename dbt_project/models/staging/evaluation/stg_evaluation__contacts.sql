with

source as (
    select * from {{ source('evaluation', 'contacts') }}
),

final as (
    select
        case_no,
        contact_no,
        service_item_code,
        department_code,
        division_code,
        facility_code,
        window_no,
        channel,
        opened_at,
        closed_at,
        promised_days,
        named,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
