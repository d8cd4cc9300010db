{#- The day the night belongs to, as a date; every age and every "overdue" is counted from it, never from the clock. From
the environment, because a changed var makes dbt parse the whole project again each day. -#}
{% macro run_date() -%}
    cast('{{ env_var("MINSHENG_RUN_DATE", "2026-03-01") }}' as date)
{%- endmacro %}
