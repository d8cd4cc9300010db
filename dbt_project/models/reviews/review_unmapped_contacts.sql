{%- set dimensions = ['service_item_code', 'division_code', 'facility_id', 'contact_channel'] -%}
with

contacts as (
    select
        fct_contact.*,
        coalesce(facility_id, division_code) as place
    from {{ ref('fct_contact') }} as fct_contact
    where closed_month is not null
),

unmapped as (
    select
        closed_month as month,
        sender,
        sent_department_code,
        place,
        sent_service_item_code,
        count(*) as contacts
    from contacts
    where department_code = 'unknown'
    group by closed_month, sender, sent_department_code, place, sent_service_item_code
),

-- What each department did, by sender, place and item.
habits as (
    select
        closed_month as month,
        sender,
        place,
        sent_service_item_code,
        department_code,
        count(*) as contacts
    from contacts
    where department_code <> 'unknown'
    group by closed_month, sender, place, sent_service_item_code, department_code
),

-- In the twelve months before a month with unmapped contacts.
before as (
    select
        unmapped.month,
        unmapped.sender,
        unmapped.sent_department_code,
        unmapped.place,
        unmapped.sent_service_item_code,
        unmapped.contacts as unmapped_contacts,
        habits.department_code,
        sum(habits.contacts) as contacts
    from unmapped
    inner join habits
        on
            unmapped.sender = habits.sender
            and unmapped.place = habits.place
            and unmapped.sent_service_item_code = habits.sent_service_item_code
            and habits.month between {{ add_months('unmapped.month', -12) }} and {{ add_months('unmapped.month', -1) }}
    group by
        unmapped.month, unmapped.sender, unmapped.sent_department_code, unmapped.place, unmapped.sent_service_item_code,
        unmapped.contacts, habits.department_code
),

shared as (
    select
        before.*,
        cast(contacts as double) / sum(contacts) over (
            partition by month, sender, sent_department_code, place, sent_service_item_code
        ) as share
    from before
),

codes as (
    select
        month,
        sender,
        sent_department_code,
        sum(contacts) as contacts
    from unmapped
    group by month, sender, sent_department_code
),

-- How much of what came under a code each department used to do.
likely as (
    select
        shared.month,
        shared.sender,
        shared.sent_department_code,
        shared.department_code,
        row_number() over (
            partition by shared.month, shared.sender, shared.sent_department_code
            order by sum(shared.share * shared.unmapped_contacts) desc, shared.department_code asc
        ) as place,
        sum(shared.share * shared.unmapped_contacts) / max(codes.contacts) as share
    from shared
    inner join codes on {{ same('shared', 'codes', ['month', 'sender', 'sent_department_code']) }}
    group by shared.month, shared.sender, shared.sent_department_code, shared.department_code
),

final as (
    select
        contacts.closed_month as month,
        likely.department_code,
        {%- for dimension in dimensions %}
        coalesce(contacts.{{ dimension }}, '{{ 'none' if dimension == 'facility_id' else 'unknown' }}') as {{ dimension }},
        {%- endfor %}
        count(*) as unmapped_contacts
    from contacts
    inner join likely
        on
            contacts.closed_month = likely.month
            and contacts.sender = likely.sender
            and contacts.sent_department_code = likely.sent_department_code
            and likely.place = 1
            and likely.share >= {{ var('department_habit_share') }}
    where contacts.department_code = 'unknown'
    group by contacts.closed_month, likely.department_code, {{ prefixed('contacts', dimensions) }}
)

select * from final
