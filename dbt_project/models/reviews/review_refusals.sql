{#- Whole lines of a file that are no review: a sum below a table, rows that a layout leaves to another delivery. -#}
{%- set no_review = ['total_row', 'not_in_scope'] -%}
{#- What the door kept of a refused row, and its type. -#}
{%- set said = {
    'case_no': 'string', 'contact_no': 'bigint', 'review_no': 'bigint', 'satisfaction_level': 'bigint',
    'reviewed_at': 'timestamp',
} -%}
with

quarantine as (
    select * from {{ source('ledger', 'quarantine') }}
),

attempts as (
    select * from {{ source('ledger', 'receipts') }}
),

judgements as (
    select * from {{ ref('review_judgements') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
),

namesakes as (
    select * from {{ ref('contact_namesakes') }}
),

-- A file that waits for a person has refused these rows whatever is decided; a file refused whole or withdrawn has none.
standing as (
    select receipt
    from attempts
    where feed = 'evaluation.reviews' and is_latest and verdict in ('accepted', 'held')
),

refused as (
    select
        quarantine._receipt as receipt,
        quarantine._row as row_no,
        min(quarantine._sender) as sender,
        min(quarantine._received_at) as received_at,
        min(quarantine.rule) as reason,
        max(quarantine.row_says) as row_says
    from quarantine
    inner join standing on quarantine._receipt = standing.receipt
    where
        quarantine._feed = 'evaluation.reviews'
        and quarantine.severity = 'error'
        and quarantine.rule not in ('{{ no_review | join("', '") }}')
    group by quarantine._receipt, quarantine._row
),

-- Sent and refused again it is one review; a row without a key that reads is one of its own.
keyed as (
    select
        receipt,
        row_no,
        sender,
        received_at,
        reason,
        {%- for field, type in said.items() %}
        cast({{ json_text('row_says', field) }} as {{ type }}) as {{ field }},
        {%- endfor %}
        {{ text_key(['receipt', 'row_no']) }} as refusal_id
    from refused
),

known as (
    select
        coalesce(namesakes.known_case_no, keyed.case_no) as case_no,
        keyed.receipt,
        keyed.sender,
        keyed.received_at,
        keyed.reason,
        keyed.contact_no,
        keyed.review_no,
        keyed.satisfaction_level,
        keyed.reviewed_at,
        keyed.row_no,
        keyed.refusal_id
    from keyed
    left join namesakes
        on
            keyed.case_no = namesakes.case_no
            and keyed.contact_no = namesakes.contact_no
            and keyed.sender = namesakes.sender
),

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
