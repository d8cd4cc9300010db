{#-
  CTEs up to `measured`: what the feeds of volumes counted, one row a row as it was sent. A snapshot's month that was reported again is
  taken from its newest delivery, and from the later word of two senders; its rows without any figure are no volumes. Where codes are
  each sender's own, a sender's volumes are those of the facility that it registered itself.
  Where the table in hand is updated, only the days that tonight's deliveries are of.
-#}
{% macro volumes_sent(measures) -%}
{%- set feeds = contract_feeds('volume') -%}
facility_codes as (
    select * from {{ ref('facility_codes') }}
    where codes_of = 'sender'
),

{%- for feed in feeds %}
{%- set day = feed.volume.day or feed.volume.month %}
{%- set name = feed.feed | replace('.', '_') %}
sent_{{ name }} as (
    select * from {{ ref(feed.model) }}
    {{ of_touched_days(feed.feed, day) }}
),
{%- if feed.delivery == 'snapshot' %}

delivered_{{ name }} as (
    {{ newest_delivery('sent_' ~ name, by=[day]) }}
),

newest_{{ name }} as (
    {{ newest_row('delivered_' ~ name, key=[feed.volume.facility, day] + (['_sender'] if feed.volume.codes_of == 'sender' else [])) }}
),
{%- endif %}
{% endfor %}
measured as (
    {%- for feed in feeds %}
    {%- set volume = feed.volume %}
    {%- set day = volume.day or volume.month %}
    {%- set name = feed.feed | replace('.', '_') %}
    select
        {%- if volume.codes_of == 'sender' %}
        coalesce(facility_codes.facility_id, '{{ volume.register }}:' || rows_sent.{{ volume.facility }}) as facility_id,
        {%- else %}
        '{{ volume.register }}:' || rows_sent.{{ volume.facility }} as facility_id,
        {%- endif %}
        rows_sent.{{ day }} as period_start,
        {{ month_end('rows_sent.' ~ day) if volume.month else 'rows_sent.' ~ day }} as period_end,
        {{ 'rows_sent.' ~ volume.service_item if volume.service_item else 'cast(null as string)' }} as service_item_code,
        {%- for measure in measures %}
        {{ 'rows_sent.' ~ measure if measure in volume.measures else 'cast(null as ' ~ ('double' if measure == 'open_hours' else 'bigint') ~ ')' }} as {{ measure }},
        {%- endfor %}
        rows_sent._feed,
        rows_sent._sender,
        rows_sent._receipt,
        rows_sent._row
    from {{ 'newest_' if feed.delivery == 'snapshot' else 'sent_' }}{{ name }} as rows_sent
    {%- if volume.codes_of == 'sender' %}
    left join facility_codes
        on
            facility_codes.register = '{{ volume.register }}'
            and rows_sent.{{ volume.facility }} = facility_codes.facility_code
            and rows_sent._sender = facility_codes.sender
    {%- endif %}
    {%- if feed.delivery == 'snapshot' %}
    where
        {% for measure in volume.measures %}rows_sent.{{ measure }} is not null{{ ' or ' if not loop.last }}{% endfor %}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)
{%- endmacro %}
