{{ config(materialized='view') }}
with

sent as (
    select * from {{ ref('stg_evaluation__rectifications') }}
),

namesakes as (
    select * from {{ ref('contact_namesakes') }}
),

final as (
    select
        coalesce(namesakes.known_case_no, sent.case_no) as case_no,
        sent.contact_no,
        sent.review_no,
        sent.accepted_at,
        sent.verified_at,
        sent.finding,
        sent.malicious_decided_at,
        sent.rectified_at,
        sent.result,
        sent.replied_at,
        sent.revisited_at,
        sent.revisit_satisfaction,
        sent.appeal,
        sent.appealed_at,
        sent.appeal_decided_at,
        sent._feed,
        sent._sender,
        sent._receipt,
        sent._row,
        sent._received_at,
        sent._contract_version
    {{ sent_with_namesakes() }}
)

select * from final
