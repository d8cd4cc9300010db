{#- What the door kept of a refused contact, and its type. -#}
{%- set said = {
    'case_no': 'string', 'contact_no': 'bigint', 'service_item_code': 'string', 'department_code': 'string',
    'division_code': 'string', 'facility_code': 'string', 'channel': 'string',
} -%}
with

contacts as (
    select * from {{ ref('fct_contact') }}
),

departments as (
    select * from {{ ref('departments') }}
),

department_codes as (
    select * from {{ ref('department_codes') }}
),

items as (
    select * from {{ ref('service_items') }}
),

item_codes as (
    select * from {{ ref('service_item_codes') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

namesakes as (
    select * from {{ ref('contact_namesakes') }}
),

{{ facility_code_ctes() }},

{{ refused_rows('evaluation.contacts', said) }},

newest as (
    select
        known.*,
        known.sender as _sender,
        row_number() over (partition by case_no, contact_no order by received_at desc, receipt desc, row_no desc) as nth
    from known
    where case_no is not null and contact_no is not null
),

final as (
    select
        newest.case_no,
        newest.contact_no,
        {{ mapped_code('department_codes', 'departments', 'department_code') }} as department_code,
        {{ mapped_code('item_codes', 'items', 'service_item_code') }} as service_item_code,
        coalesce(divisions.division_code, 'unknown') as division_code,
        {{ facility_of_code('newest') }} as facility_id,
        coalesce(newest.channel, 'unknown') as contact_channel,
        newest.sender,
        newest.receipt
    from newest
    {{ code_map_joins('newest', 'department_code', map='department_codes', own='departments') }}
    {{ code_map_joins('newest', 'service_item_code', map='item_codes', own='items') }}
    left join divisions on newest.division_code = divisions.division_code
    {{ facility_code_joins('newest') }}
    left join contacts
        on
            newest.case_no = contacts.case_no
            and newest.contact_no = contacts.contact_no
    -- What was sent again and accepted stands there.
    where newest.nth = 1 and contacts.contact_id is null
)

select * from final
