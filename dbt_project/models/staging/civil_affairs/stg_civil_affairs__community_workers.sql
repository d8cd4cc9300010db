with

source as (
    select * from {{ source('civil_affairs', 'community_workers') }}
),

final as (
    select
        division_code,
        month,
        workers,
        certified_social_workers,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
