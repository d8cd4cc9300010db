{#- The day the night belongs to, as a date; every age and every "overdue" is counted from it, never from the clock. From
the environment, because a changed var makes dbt parse the whole project again each day. A table that asks for it is made every day. -#}
{% macro run_date() -%}
    cast('{{ env_var("MINSHENG_RUN_DATE", "2026-03-01") }}' as date)
{%- endmacro %}

{#- The first day of the month the night belongs to: for what changes with the month and not with the day. -#}
{% macro run_month() -%}
    cast('{{ env_var("MINSHENG_RUN_MONTH", "2026-03-01") }}' as date)
{%- endmacro %}
