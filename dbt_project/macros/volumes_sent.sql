{#-
  CTEs up to `measured`: what the feeds of volumes counted, one row a row as it was sent. A snapshot's month that was reported again is
  taken from its newest delivery, and from the later word of two senders; its rows without any figure are no volumes.
  Where the table in hand is mended, only the days that tonight's deliveries are of.
-#}
{% macro volumes_sent(measures) -%}
{%- set feeds = contract_feeds('volume') -%}
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
    {{ newest_row('delivered_' ~ name, key=[feed.volume.facility, day]) }}
),
{%- endif %}
{% endfor %}
measured as (
    {%- for feed in feeds %}
    {%- set volume = feed.volume %}
    {%- set day = volume.day or volume.month %}
    {%- set name = feed.feed | replace('.', '_') %}
    select
        '{{ volume.register }}:' || {{ volume.facility }} as facility_id,
        {{ day }} as period_start,
        {{ month_end(day) if volume.month else day }} as period_end,
        {{ volume.service_item or 'cast(null as string)' }} as service_item_code,
        {%- for measure in measures %}
        {{ measure if measure in volume.measures else 'cast(null as ' ~ ('double' if measure == 'open_hours' else 'bigint') ~ ')' }} as {{ measure }},
        {%- endfor %}
        _feed,
        _sender,
        _receipt,
        _row
    {%- if feed.delivery == 'snapshot' %}
    from newest_{{ name }}
    where {% for measure in volume.measures %}{{ measure }} is not null{{ ' or ' if not loop.last }}{% endfor %}
    {%- else %}
    from sent_{{ name }}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)
{%- endmacro %}
