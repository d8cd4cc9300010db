with

source as (
    select * from {{ source('health', 'service_volumes') }}
),

final as (
    select
        institution_code,
        served_on,
        service_item_code,
        visits,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
