{#-
  The days of tonight's deliveries of volumes that came or went, as a condition with the days written in: the engine passes over
  every row group that holds none of them. Of one feed, or of every feed by the column `feed`.
-#}
{% macro touched_days(column, feed=none) -%}
    {%- set query -%}
        with touched as (
            select distinct feed, day from {{ ref('volume_deliveries') }}
            where change <> 'none' and day is not null
        ),

        -- Days in a row share what is left when their number is taken off.
        numbered as (
            select feed, day, {{ add_days('day', '-row_number() over (partition by feed order by day)') }} as run from touched
        )

        select feed, min(day) as first_day, max(day) as last_day from numbered
        group by feed, run
        order by feed, first_day
    {%- endset -%}
    {%- set spans = [] -%}
    {%- for of_feed, first_day, last_day in (run_query(query).rows if execute else []) if feed in (none, of_feed) -%}
        {%- set days = column ~ " between cast('" ~ first_day ~ "' as date) and cast('" ~ last_day ~ "' as date)" -%}
        {%- do spans.append(days if feed else "(feed = '" ~ of_feed ~ "' and " ~ days ~ ")") -%}
    {%- endfor -%}
    {{ return('(' ~ spans | join(' or ') ~ ')' if spans else '1 = 0') }}
{%- endmacro %}

{#- Where the sums are updated, only rows of touched days; for use after a `from`. -#}
{% macro of_touched_days(feed, column) -%}
    {%- if is_incremental() %}where {{ touched_days(column, feed) }}{% endif -%}
{%- endmacro %}
