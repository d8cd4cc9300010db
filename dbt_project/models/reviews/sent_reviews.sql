{{ config(materialized='view') }}
with

sent as (
    select * from {{ ref('stg_evaluation__reviews') }}
),

namesakes as (
    select * from {{ ref('contact_namesakes') }}
),

final as (
    select
        coalesce(namesakes.known_case_no, sent.case_no) as case_no,
        sent.contact_no,
        sent.review_no,
        sent.level,
        sent.satisfaction_scheme,
        sent.tags,
        sent.tags_scheme,
        sent.comment,
        sent.has_comment,
        sent.channel_code,
        sent.channels_scheme,
        sent.reviewed_at,
        sent.is_default,
        sent.is_update,
        sent.is_withdrawn,
        sent.reviewer_kind,
        sent.reviewer_key,
        sent.reviewer_phone_key,
        sent._feed,
        sent._sender,
        sent._receipt,
        sent._row,
        sent._received_at,
        sent._contract_version
    {{ sent_with_namesakes() }}
)

select * from final
