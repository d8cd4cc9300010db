{#- The first day of a month moved by `n` months, as a date. -#}
{% macro add_months(day, n) -%}
    {{ return(adapter.dispatch('add_months', 'minsheng')(day, n)) }}
{%- endmacro %}

{% macro default__add_months(day, n) -%} add_months({{ day }}, {{ n }}) {%- endmacro %}

{% macro duckdb__add_months(day, n) -%} cast({{ day }} + to_months({{ n }}) as date) {%- endmacro %}
