-- Codes nobody has mapped, with their senders: the rows stay as unknown, and this says what to add to which seed.
{{ config(severity='warn') }}
with

items as (
    select * from {{ ref('service_items') }}
),

item_codes as (
    select * from {{ ref('service_item_codes') }}
),

volumes as (
    select
        service_item_code,
        _sender
    from {{ ref('stg_health__service_volumes') }}
    union all
    select
        service_item_code,
        _sender
    from {{ ref('stg_culture__activities') }}
),

volume_items as (
    select
        volumes._sender as sender,
        volumes.service_item_code as sent_code,
        {{ mapped_code('item_codes', 'items', 'service_item_code') }} as service_item_code
    from volumes
    {{ code_map_joins('volumes', 'service_item_code', map='item_codes', own='items') }}
    where volumes.service_item_code is not null
)

select
    'department_codes' as seed,
    sender,
    sent_department_code as sent_code,
    count(*) as times
from {{ ref('fct_contact') }}
where department_code = 'unknown'
group by sender, sent_department_code
union all
select
    'service_item_codes' as seed,
    sender,
    sent_service_item_code as sent_code,
    count(*) as times
from {{ ref('fct_contact') }}
where service_item_code = 'unknown'
group by sender, sent_service_item_code
union all
select
    'facility_type_codes' as seed,
    sender,
    sent_type_code as sent_code,
    count(*) as times
from {{ ref('dim_facility') }}
where facility_type = 'unknown'
group by sender, sent_type_code
union all
select
    'review_channels' as seed,
    sender,
    channel_code as sent_code,
    count(*) as times
from {{ ref('fct_review') }}
where channel_code = 'unknown'
group by sender, channel_code
union all
select
    'service_item_codes' as seed,
    sender,
    sent_code,
    count(*) as times
from volume_items
where service_item_code = 'unknown'
group by sender, sent_code
