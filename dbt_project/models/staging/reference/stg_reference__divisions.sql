with

source as (
    select * from {{ source('reference', 'divisions') }}
),

final as (
    select
        vintage,
        code,
        name,
        -- Some lists keep a unit that is gone and say so behind its name.
        name like '%已撤销%' or name like '%（撤销）%' or name like '%(撤销)%' as is_marked_abolished,
        -- A root that names itself as its parent has none.
        nullif(parent_code, code) as parent_code,
        coalesce(parent_code = code, false) as is_below_itself,
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
