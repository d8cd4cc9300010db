with

source as (
    select * from {{ source('evaluation', 'survey_margins') }}
),

final as (
    select
        wave,
        margin,
        category,
        population,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
