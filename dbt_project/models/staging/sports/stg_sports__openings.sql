with

source as (
    select * from {{ source('sports', 'openings') }}
),

final as (
    select
        venue_id,
        opened_on,
        visits,
        open_hours,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
