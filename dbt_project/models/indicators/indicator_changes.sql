{{ config(materialized='table', post_hook="{{ say_built_from(find_indicator_steps() | join(' ')) }}") }}
{%- set tables = indicator_measures() | rejectattr('is_yearly') | list -%}
{%- set periods = {'month': 'month', 'year': "cast(date_trunc('year', month) as date)"} -%}
with

{% for table in tables -%}
{{ table.table }} as (
    select * from {{ ref(table.table) }}
    where division_code <> 'unknown'
),

{% endfor -%}
contents as (
    {%- for table in tables %}
    {%- set last_table = loop.last %}
    {%- for kind in table.measures | map(attribute='period') | unique %}
    select
        '{{ table.table }}' as feed,
        '{{ kind }}' as period_kind,
        {{ periods[kind] }} as day,
        {{ content_of_rows(table.table) }} as content
    from {{ table.table }}
    group by {{ periods[kind] }}
    {{ 'union all' if not (loop.last and last_table) }}
    {%- endfor %}
    {%- endfor %}
),

measures as (
    {%- for table in tables %}
    {%- set last_table = loop.last %}
    {%- for measure in table.measures %}
    select
        '{{ table.table }}' as feed,
        '{{ measure.period }}' as period_kind,
        '{{ measure.name }}' as receipt{{ ' union all' if not (loop.last and last_table) }}
    {%- endfor %}
    {%- endfor %}
),

standing as (
    select
        contents.feed,
        measures.receipt,
        contents.day,
        contents.content
    from contents
    inner join measures
        on
            contents.feed = measures.feed
            and contents.period_kind = measures.period_kind
),

{{ since_last_built() }}

select * from final
