{#- Whole lines that are no review: a sum or a note below a table, its header again, rows left to another delivery. -#}
{%- set no_review = ['total_row', 'header_again', 'note_row', 'not_in_scope'] -%}
{#- What the door kept of a refused row, and its type. -#}
{%- set said = {
    'case_no': 'string', 'contact_no': 'bigint', 'review_no': 'bigint', 'satisfaction_level': 'bigint',
    'reviewed_at': 'timestamp',
} -%}
with

judgements as (
    select * from {{ ref('review_judgements') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
),

namesakes as (
    select * from {{ ref('contact_namesakes') }}
),

{{ refused_rows('evaluation.reviews', said, besides=no_review) }},

-- Sent and refused again it is one review; a row without a key that reads is one of its own.
newest as (
    select
        known.*,
        row_number() over (
            partition by
                case_no, contact_no, review_no,
                case when case_no is null or contact_no is null or review_no is null then refusal_id end
            order by received_at desc, receipt desc, row_no desc
        ) as nth
    from known
),

final as (
    select
        newest.refusal_id,
        newest.receipt,
        newest.sender,
        newest.reason,
        newest.case_no,
        newest.contact_no,
        coalesce(newest.review_no, 1) as review_no,
        newest.satisfaction_level as level,
        -- A review cannot have been given after its file came.
        cast(
            case when newest.reviewed_at <= newest.received_at then newest.reviewed_at else newest.received_at end as date
        ) as reviewed_on,
        contacts.contact_id,
        contacts.closed_month,
        contacts.department_code,
        contacts.service_item_code,
        contacts.division_code,
        contacts.facility_id,
        contacts.contact_channel
    from newest
    left join contacts
        on
            newest.case_no = contacts.case_no
            and newest.contact_no = contacts.contact_no
    left join judgements
        on
            newest.case_no = judgements.case_no
            and newest.contact_no = judgements.contact_no
            and newest.review_no = judgements.review_no
            and judgements.validity <> 'default'
    -- What was sent again and accepted is counted there.
    where newest.nth = 1 and judgements.review_id is null
)

select * from final
