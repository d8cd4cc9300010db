with

source as (
    select * from {{ source('evaluation', 'survey_responses') }}
),

final as (
    select
        wave,
        respondent_id,
        question_id,
        answer,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
