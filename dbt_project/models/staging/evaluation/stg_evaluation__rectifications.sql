with

source as (
    select * from {{ source('evaluation', 'rectifications') }}
),

final as (
    select
        case_no,
        contact_no,
        review_no,
        accepted_at,
        verified_at,
        case finding
            when '1' then 'true'
            when '2' then 'partly_true'
            when '3' then 'not_true'
            when '4' then 'malicious'
            when '5' then 'mistaken'
        end as finding,
        malicious_decided_at,
        rectified_at,
        result,
        replied_at,
        revisited_at,
        revisit_satisfaction,
        coalesce(appeal, 'none') as appeal,
        appealed_at,
        appeal_decided_at,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
