with

source as (
    select * from {{ source('culture', 'activities') }}
),

final as (
    select
        activity_id,
        venue_id,
        held_on,
        activity_type,
        service_item_code,
        sessions,
        participants,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
