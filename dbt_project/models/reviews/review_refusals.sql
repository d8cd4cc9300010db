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

feeds as (
    select * from {{ ref('feeds') }}
    where code = 'evaluation.reviews'
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

-- The last day that a file counts for: of a review after the end of the month it counts in, the end of that month.
told_days as (
    select
        receipt,
        max(least(reviewed_on, {{ month_end('counted_month') }})) as last_day
    from judgements
    group by receipt
),

-- Of a row whose day does not read, or lies after its file came, its file says the day: such a row opens no month. A file of
-- which nothing counts tells of the days before it came.
dated as (
    select
        newest.*,
        coalesce(
            case when newest.reviewed_at <= newest.received_at then cast(newest.reviewed_at as date) end,
            told_days.last_day,
            {{ add_days('cast(newest.received_at as date)', '-feeds.frequency_days') }}
        ) as reviewed_on
    from newest
    cross join feeds
    left join told_days on newest.receipt = told_days.receipt
    where newest.nth = 1
),

final as (
    select
        dated.refusal_id,
        dated.receipt,
        dated.sender,
        dated.reason,
        dated.case_no,
        dated.contact_no,
        coalesce(dated.review_no, 1) as review_no,
        dated.satisfaction_level as level,
        dated.reviewed_on,
        contacts.contact_id,
        contacts.closed_month,
        contacts.department_code,
        contacts.service_item_code,
        contacts.division_code,
        contacts.facility_id,
        contacts.contact_channel
    from dated
    left join contacts
        on
            dated.case_no = contacts.case_no
            and dated.contact_no = contacts.contact_no
    left join judgements
        on
            dated.case_no = judgements.case_no
            and dated.contact_no = judgements.contact_no
            and dated.review_no = judgements.review_no
            and judgements.validity <> 'default'
    -- What was sent again and accepted is counted there.
    where judgements.review_id is null
)

select * from final
