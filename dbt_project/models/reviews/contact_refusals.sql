{#- What the door kept of a refused contact, and its type. -#}
{%- set said = {
    'case_no': 'string', 'contact_no': 'bigint', 'service_item_code': 'string', 'department_code': 'string',
    'division_code': 'string', 'facility_code': 'string', 'channel': 'string',
} -%}
{%- set unit = unit_codes('newest') -%}
with

contacts as (
    select * from {{ ref('fct_contact') }}
),

namesakes as (
    select * from {{ ref('contact_namesakes') }}
),

{{ unit_code_ctes() }},

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
        {{ unit.department_code }} as department_code,
        {{ unit.service_item_code }} as service_item_code,
        {{ unit.division_code }} as division_code,
        {{ unit.facility_id }} as facility_id,
        coalesce(newest.channel, 'unknown') as contact_channel,
        newest.sender,
        newest.receipt
    from newest
    {{ unit_code_joins('newest') }}
    left join contacts
        on
            newest.case_no = contacts.case_no
            and newest.contact_no = contacts.contact_no
    -- What was sent again and accepted stands there.
    where newest.nth = 1 and contacts.contact_id is null
)

select * from final
