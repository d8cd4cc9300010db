-- 各数据流所计的某设施某日的数量都在 fct_service_volume 中，一点不少；只看上次建表后有来文的日期。按月快照的只计一次，只查有没有。
-- · What feeds counted of a facility on a day is in fct_service_volume, none of it less; of the days of which something came
-- since the table of deliveries was last made. A month that is a snapshot is counted once, whoever sent it: there only its
-- presence is asked for.
{{ config(meta={'dagster': {'ref': {'name': 'fct_service_volume'}}}) }}
{%- set measures = [] -%}
{%- for feed in contract_feeds('volume') %}
    {%- for measure in feed.volume.measures if measure not in measures %}{% do measures.append(measure) %}{% endfor %}
{%- endfor -%}
with

deliveries as (
    select distinct
        feed,
        day
    from {{ ref('volume_deliveries') }}
    where change = 'added'
),

sent as (
    {%- for feed in contract_feeds('volume') %}
    {%- set volume = feed.volume %}
    {%- set day = volume.day or volume.month %}
    {%- set is_snapshot = feed.delivery == 'snapshot' %}
    select
        '{{ feed.feed }}' as feed,
        {%- if volume.codes_of == 'sender' %}
        coalesce(
            registered.facility_id, registered_by_sender.facility_id, '{{ volume.register }}:' || rows_sent.{{ volume.facility }}
        ) as facility_id,
        {%- else %}
        '{{ volume.register }}:' || rows_sent.{{ volume.facility }} as facility_id,
        {%- endif %}
        rows_sent.{{ day }} as period_start,
        {%- for measure in measures %}
        {%- set is_summed = measure in volume.measures and not is_snapshot %}
        {{ 'rows_sent.' ~ measure if is_summed else 'cast(null as double)' }} as {{ measure }},
        {%- endfor %}
        cast(rows_sent._received_at as string) || rows_sent._receipt as delivery,
        {%- if is_snapshot %}
        max(cast(rows_sent._received_at as string) || rows_sent._receipt) over (
            partition by rows_sent._sender, rows_sent.{{ day }}
        ) as last_delivery,
        coalesce(
            {% for measure in volume.measures %}cast(rows_sent.{{ measure }} as double), {% endfor %}
            null
        ) is not null as is_figure
        {%- else %}
        cast(rows_sent._received_at as string) || rows_sent._receipt as last_delivery,
        true as is_figure
        {%- endif %}
    from {{ ref(feed.model) }} as rows_sent
    inner join deliveries
        on
            deliveries.feed = '{{ feed.feed }}'
            and rows_sent.{{ day }} = deliveries.day
    {%- if volume.codes_of == 'sender' %}
    left join {{ ref('dim_facility') }} as registered
        on
            registered.facility_id = '{{ volume.register }}:' || rows_sent.{{ volume.facility }}
            and rows_sent._sender = registered.sender
    left join {{ ref('dim_facility') }} as registered_by_sender
        on
            registered_by_sender.facility_id
            = '{{ volume.register }}:' || rows_sent._sender || '/' || rows_sent.{{ volume.facility }}
            and rows_sent._sender = registered_by_sender.sender
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

summed as (
    select
        facility_id,
        period_start,
        {%- for measure in measures %}
        coalesce(sum({{ measure }}), 0) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from sent
    where delivery = last_delivery and is_figure
    group by facility_id, period_start
),

counted as (
    select
        facility_id,
        period_start,
        {%- for measure in measures %}
        coalesce(sum({{ measure }}), 0) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('fct_service_volume') }}
    group by facility_id, period_start
)

select
    summed.facility_id,
    summed.period_start
from summed
left join counted
    on
        summed.facility_id = counted.facility_id
        and summed.period_start = counted.period_start
where
    counted.facility_id is null
    {%- for measure in measures %}
    or counted.{{ measure }} < summed.{{ measure }} - 0.000001
    {%- endfor %}
