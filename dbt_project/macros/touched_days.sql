{#-
  The days of tonight's deliveries of volumes that came or went, as a condition with the days written in: the engine passes over
  every row group that holds none of them. Of one feed, or of every feed by the column `feed`.
-#}
{% macro touched_days(column, feed=none) -%}
    {%- set query -%}
        select distinct feed, first_day, last_day from {{ ref('volume_deliveries') }}
        where change <> 'none' and first_day is not null
        {%- if feed %} and feed = '{{ feed }}'{% endif %}
        order by feed, first_day, last_day
    {%- endset -%}
    {%- set spans = [] -%}
    {%- for of_feed, first_day, last_day in (run_query(query).rows if execute else []) -%}
        {%- set days = column ~ " between cast('" ~ first_day ~ "' as date) and cast('" ~ last_day ~ "' as date)" -%}
        {%- do spans.append(days if feed else "(feed = '" ~ of_feed ~ "' and " ~ days ~ ")") -%}
    {%- endfor -%}
    {{ return('(' ~ spans | join(' or ') ~ ')' if spans else '1 = 0') }}
{%- endmacro %}

{#- Where the sums are mended, only rows of touched days; for use after a `from`. -#}
{% macro of_touched_days(feed, column) -%}
    {%- if is_incremental() %}where {{ touched_days(column, feed) }}{% endif -%}
{%- endmacro %}
