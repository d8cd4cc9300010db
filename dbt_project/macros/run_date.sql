{#- The day the night belongs to, as a date. The clock is never asked. -#}
{% macro run_date() -%}
    cast('{{ var("run_date") }}' as date)
{%- endmacro %}
