with

source as (
    select * from {{ source('reference', 'divisions') }}
),

final as (
    select
        vintage,
        code,
        name,
        -- A root that names itself as its parent has none.
        nullif(parent_code, code) as parent_code,
        level,
        urban_rural_code,
        longitude,
        latitude,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
