{#-
  Table, what tells its rows apart → what a row could not be joined to: problem, our column, the column as it was sent.
-#}
{%- set unmapped = {
    ('contacts', 'contact_id'): [
        ('unmapped_department', 'department_code', 'sent_department_code'),
        ('unmapped_service_item', 'service_item_code', 'sent_service_item_code'),
        ('unknown_division', 'division_code', 'sent_division_code'),
    ],
    ('reviews', 'review_id'): [('unmapped_channel', 'channel_code', 'channel_code')],
    ('facilities', 'facility_id'): [('unmapped_facility_type', 'facility_type', 'sent_type_code')],
    ('population', 'row_id'): [('population_not_placed', 'division_code', 'sent_place')],
    ('volumes', 'row_id'): [('unmapped_service_item', 'service_item_code', 'sent_service_item_code')],
} -%}
with

contacts as (
    select
        *,
        'evaluation.contacts' as feed
    from {{ ref('fct_contact') }}
),

reviews as (
    select
        *,
        'evaluation.reviews' as feed
    from {{ ref('fct_review') }}
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

reports as (
    select * from {{ ref('facility_reports') }}
),

matches as (
    select * from {{ ref('division_matches') }}
),

population as (
    select
        *,
        place_key || ':' || cast(year as string) as row_id
    from {{ ref('population_sent') }}
),

divisions as (
    select
        *,
        'reference.divisions' as feed
    from {{ ref('division_problem') }}
),

codes as (
    select * from {{ ref('facility_codes') }}
),

shared_numbers as (
    select distinct
        case_no,
        contact_no
    from {{ ref('contact_namesakes') }}
    where is_own_contact
),

items as (
    select * from {{ ref('service_items') }}
),

item_codes as (
    select * from {{ ref('service_item_codes') }}
),

sent_volumes as (
    select * from {{ ref('sent_volumes') }}
),

volumes as (
    select
        sent_volumes.facility_id,
        sent_volumes.service_item_code as sent_service_item_code,
        case
            when sent_volumes.service_item_code is null then 'none'
            else {{ mapped_code('item_codes', 'items', 'service_item_code') }}
        end as service_item_code,
        sent_volumes._feed as feed,
        sent_volumes._sender as sender,
        sent_volumes._receipt as receipt,
        cast(sent_volumes._row as string) as row_id
    from sent_volumes
    {{ code_map_joins('sent_volumes', 'service_item_code', map='item_codes', own='items') }}
),

-- A code that several senders use for facilities of their own, in a row of somebody who uses it for none.
ambiguous as (
    select
        volumes.feed,
        volumes.sender,
        volumes.receipt,
        volumes.facility_id,
        volumes.row_id
    from volumes
    inner join codes as firsts
        on
            volumes.facility_id = firsts.facility_id
            and firsts.codes_of = 'sender'
            and firsts.senders > 1
    left join codes as own
        on
            volumes.facility_id = own.facility_id
            and volumes.sender = own.sender
    where own.facility_id is null
),

-- A code issued for everybody, and two senders who give it different names.
contradicted as (
    select
        codes.feed,
        codes.sender,
        codes.receipt,
        codes.facility_id
    from codes
    inner join facilities on codes.facility_id = facilities.facility_id
    where codes.sender <> facilities.sender and codes.name <> facilities.name
),

-- Facilities whose division's name fits several units, with those units.
named_ambiguously as (
    select
        facilities.feed,
        facilities.sender,
        facilities.receipt,
        facilities.facility_id,
        facilities.facility_id || coalesce(': ' || matches.candidates, '') as sent_value
    from facilities
    left join reports
        on
            facilities.facility_id = reports.facility_id
            and facilities.receipt = reports.receipt
    left join matches on {{ text_key(['reports.division_code', 'reports.division_name']) }} = matches.place_key
    where facilities.division_method = 'name_ambiguous'
),

-- Of contact numbers that several senders use for contacts of their own: reviews of senders who have none of that number.
misattached as (
    select
        reviews.feed,
        reviews.sender,
        reviews.receipt,
        contacts.sender as first_sender,
        reviews.review_id
    from reviews
    inner join contacts
        on
            reviews.contact_id = contacts.contact_id
            and reviews.sender <> contacts.sender
    inner join shared_numbers
        on
            contacts.case_no = shared_numbers.case_no
            and contacts.contact_no = shared_numbers.contact_no
),

found as (
    {%- for (table, row_id), problems in unmapped.items() %}
    {%- for problem, own, sent in problems %}
    select
        feed,
        sender,
        receipt,
        '{{ problem }}' as problem,
        {{ sent }} as sent_value,
        {{ row_id }} as row_id
    from {{ table }}
    where {{ own }} = 'unknown'
    union all
    {%- endfor %}
    {%- endfor %}
    select
        volumes.feed,
        volumes.sender,
        volumes.receipt,
        'facility_not_registered' as problem,
        volumes.facility_id as sent_value,
        volumes.row_id
    from volumes
    left join facilities on volumes.facility_id = facilities.facility_id
    where facilities.facility_id is null
    union all
    select
        feed,
        sender,
        receipt,
        'facility_ambiguous' as problem,
        facility_id as sent_value,
        row_id
    from ambiguous
    union all
    select
        feed,
        sender,
        receipt,
        'facility_named_differently' as problem,
        facility_id as sent_value,
        facility_id as row_id
    from contradicted
    union all
    select
        feed,
        sender,
        receipt,
        'contact_ambiguous' as problem,
        first_sender as sent_value,
        review_id as row_id
    from misattached
    union all
    select
        feed,
        sender,
        receipt,
        'facility_not_placed' as problem,
        facility_id as sent_value,
        facility_id as row_id
    from facilities
    where division_method = 'none'
    union all
    select
        feed,
        sender,
        receipt,
        'facility_name_ambiguous' as problem,
        sent_value,
        facility_id as row_id
    from named_ambiguously
    union all
    select
        feed,
        sender,
        receipt,
        'point_' || point_reason as problem,
        facility_id as sent_value,
        facility_id as row_id
    from facilities
    where point_trust = 'refused'
    union all
    select
        feed,
        sender,
        receipt,
        'division_' || problem as problem,
        division_code as sent_value,
        cast(vintage as string) || ':' || division_code as row_id
    from divisions
),

-- A row may have several problems, and is one row.
numbered as (
    select
        feed,
        sender,
        receipt,
        problem,
        coalesce(sent_value, '') as sent_value,
        row_number() over (partition by receipt, row_id order by problem, sent_value) as nth_of_row
    from found
),

final as (
    select
        feed,
        sender,
        receipt,
        problem,
        sent_value,
        count(*) as affected_rows,
        count(case when nth_of_row = 1 then 1 end) as first_affected_rows
    from numbered
    group by feed, sender, receipt, problem, sent_value
)

select * from final
