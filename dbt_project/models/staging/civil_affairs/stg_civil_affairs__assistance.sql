with

source as (
    select * from {{ source('civil_affairs', 'assistance') }}
),

final as (
    select
        benefit_id,
        resident_key,
        age_band,
        benefit_type,
        disability_class,
        disability_grade,
        division_code,
        household_members,
        start_month,
        end_month,
        amount_yuan,
        reason,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
