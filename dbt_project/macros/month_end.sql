{#- Last day of the month of a date, as a date. -#}
{% macro month_end(day) -%}
    cast(last_day({{ day }}) as date)
{%- endmacro %}
