{#- `day` moved by `n` days, as a date. -#}
{% macro add_days(day, n) -%}
    {{ return(adapter.dispatch('add_days', 'minsheng')(day, n)) }}
{%- endmacro %}

{% macro default__add_days(day, n) -%} date_add({{ day }}, cast({{ n }} as int)) {%- endmacro %}

{% macro duckdb__add_days(day, n) -%} ({{ day }} + cast({{ n }} as integer)) {%- endmacro %}
