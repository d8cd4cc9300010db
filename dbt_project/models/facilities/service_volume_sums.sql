{{ config(
    materialized=kept(),
    meta={'steps': 'volume_deliveries'},
    pre_hook="{{ take_out(touched_days('period_start')) }}",
    post_hook="{{ say_updated() }}",
) }}
{%- set measures = ['visits', 'participants', 'sessions', 'open_hours', 'residents'] -%}
{{ after('volume_deliveries') }}
with

items as (
    select * from {{ ref('service_items') }}
),

item_codes as (
    select * from {{ ref('service_item_codes') }}
),

feed_items as (
    select * from {{ ref('volume_service_items') }}
),

{{ volumes_sent(measures) }},

itemised as (
    select
        measured.facility_id,
        measured.period_start,
        measured.period_end,
        case
            when measured.service_item_code is null then coalesce(feed_items.service_item_code, 'unknown')
            else {{ mapped_code('item_codes', 'items', 'service_item_code') }}
        end as service_item_code,
        measured._feed as feed,
        measured.visits,
        measured.participants,
        measured.sessions,
        measured.open_hours,
        measured.residents
    from measured
    left join feed_items on measured._feed = feed_items.feed
    {{ code_map_joins('measured', 'service_item_code', map='item_codes', own='items') }}
),

final as (
    select
        feed,
        facility_id,
        period_start,
        period_end,
        service_item_code,
        {%- for measure in measures %}
        cast(sum({{ measure }}) as {{ 'double' if measure == 'open_hours' else 'bigint' }})
            as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from itemised
    group by feed, facility_id, period_start, period_end, service_item_code
)

select * from final
