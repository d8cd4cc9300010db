{{ config(materialized='view') }}
with

sent as (
    select * from {{ ref('stg_evaluation__contacts') }}
),

namesakes as (
    select * from {{ ref('contact_namesakes') }}
),

final as (
    select
        coalesce(namesakes.known_case_no, sent.case_no) as case_no,
        coalesce(namesakes.is_own_contact, true) as is_of_first_sender,
        sent.contact_no,
        sent.service_item_code,
        sent.department_code,
        sent.division_code,
        sent.facility_code,
        sent.window_no,
        sent.channel,
        sent.opened_at,
        sent.closed_at,
        sent.promised_days,
        sent.named,
        sent._feed,
        sent._sender,
        sent._receipt,
        sent._row,
        sent._received_at,
        sent._contract_version
    {{ sent_with_namesakes() }}
)

select * from final
