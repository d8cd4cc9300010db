{{ config(materialized='table', post_hook="{{ say_built_from(find_review_steps() | join(' ')) }}") }}
{#- What was there before is read from the tables that are updated after this one: they are not upstream of it. -#}
{%- set feeds = ['contacts', 'reviews', 'rectifications'] -%}
{%- set is_led_from = find_review_steps()[1] != '' -%}
with

deliveries as (
    select * from {{ ref('review_deliveries') }}
),

{% for feed in feeds -%}
{{ feed }} as (
    select * from {{ ref('sent_' ~ feed) }}
),

{% endfor -%}
arrived as (
    {%- for feed in feeds %}
    select
        {{ feed }}.case_no,
        {{ feed }}.contact_no
    from {{ feed }}
    where
        {{ feed }}._receipt in (
            select deliveries.receipt from deliveries
            where deliveries.feed = 'evaluation.{{ feed }}' and deliveries.change = 'added'
        )
        {%- if not is_led_from %}
        and {{ feed }}._feed is null
        {%- endif %}
    {{ 'union distinct' if not loop.last }}
    {%- endfor %}
),

{% if is_led_from -%}
former_contacts as (
    select * from {{ former_table('fct_contact') }}
),

former_judgements as (
    select * from {{ former_table('review_judgements') }}
),

withdrawn as (
    select
        former_contacts.case_no,
        former_contacts.contact_no
    from former_contacts
    where
        former_contacts.receipt in (
            select deliveries.receipt from deliveries
            where deliveries.feed = 'evaluation.contacts' and deliveries.change = 'removed'
        )
),

touched as (
    select
        case_no,
        contact_no
    from arrived
    union distinct
    select
        case_no,
        contact_no
    from withdrawn
),

final as (
    select
        touched.case_no,
        touched.contact_no,
        coalesce(former_contacts.closed_month, former_judgements.counted_month) as month_before,
        coalesce({{ place_of_contact('former_contacts') }}, former_judgements.place) as place_before,
        {{ month_start('former_judgements.reviewed_on') }} as review_month_before
    from touched
    left join former_contacts
        on
            touched.case_no = former_contacts.case_no
            and touched.contact_no = former_contacts.contact_no
    left join former_judgements
        on
            touched.case_no = former_judgements.case_no
            and touched.contact_no = former_judgements.contact_no
)
{%- else -%}
final as (
    select
        case_no,
        contact_no,
        cast(null as date) as month_before,
        cast(null as string) as place_before,
        cast(null as date) as review_month_before
    from arrived
)
{%- endif %}

select * from final
