with

source as (
    select * from {{ source('evaluation', 'survey_questions') }}
),

final as (
    select
        wave,
        question_id,
        text,
        dimension,
        scale,
        lowest,
        highest,
        dont_know_codes,
        refused_codes,
        not_asked_codes,
        is_reversed,
        role,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
