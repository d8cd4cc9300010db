{{ config(
    materialized=kept(),
    meta={'steps': 'volume_deliveries'},
    pre_hook="{{ take_out(touched_days('period_start')) }}",
    post_hook="{{ say_mended() }}",
) }}
{%- set measures = ['visits', 'participants', 'sessions', 'open_hours', 'residents'] -%}
{{ after('volume_deliveries') }}
with

health_volumes as (
    select * from {{ ref('stg_health__service_volumes') }}
    {{ of_touched_days('health.service_volumes', 'served_on') }}
),

openings as (
    select * from {{ ref('stg_sports__openings') }}
    {{ of_touched_days('sports.openings', 'opened_on') }}
),

activities as (
    select * from {{ ref('stg_culture__activities') }}
    {{ of_touched_days('culture.activities', 'held_on') }}
),

elderly_care as (
    select * from {{ ref('stg_civil_affairs__elderly_care') }}
    {{ of_touched_days('civil_affairs.elderly_care', 'month') }}
),

items as (
    select * from {{ ref('service_items') }}
),

item_codes as (
    select * from {{ ref('service_item_codes') }}
),

feed_items as (
    select * from {{ ref('volume_service_items') }}
),

-- A month reported again replaces the first report.
delivered_elderly_care as (
    {{ newest_delivery('elderly_care', by=['month']) }}
),

-- Two senders may report one institution: the later word counts.
newest_elderly_care as (
    {{ newest_row('delivered_elderly_care', key=['institution_code', 'month']) }}
),

measured as (
    select
        'health' as register,
        _feed,
        institution_code as facility_code,
        served_on as period_start,
        served_on as period_end,
        service_item_code,
        visits,
        cast(null as bigint) as participants,
        cast(null as bigint) as sessions,
        cast(null as double) as open_hours,
        cast(null as bigint) as residents,
        _sender
    from health_volumes
    union all
    select
        'sports' as register,
        _feed,
        venue_id as facility_code,
        opened_on as period_start,
        opened_on as period_end,
        null as service_item_code,
        visits,
        null as participants,
        null as sessions,
        open_hours,
        null as residents,
        _sender
    from openings
    union all
    select
        'culture' as register,
        _feed,
        venue_id as facility_code,
        held_on as period_start,
        held_on as period_end,
        service_item_code,
        null as visits,
        participants,
        sessions,
        null as open_hours,
        null as residents,
        _sender
    from activities
    union all
    -- A month's figure stays a month's: nothing is smeared over its days.
    select
        'elderly_care' as register,
        _feed,
        institution_code as facility_code,
        month as period_start,
        {{ month_end('month') }} as period_end,
        null as service_item_code,
        null as visits,
        null as participants,
        null as sessions,
        null as open_hours,
        residents,
        _sender
    from newest_elderly_care
    where residents is not null
),

itemised as (
    select
        measured.register || ':' || measured.facility_code as facility_id,
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
