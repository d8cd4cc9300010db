{#- 1 Monday … 7 Sunday. -#}
{% macro iso_weekday(day) -%}
    {{ return(adapter.dispatch('iso_weekday', 'minsheng')(day)) }}
{%- endmacro %}

{% macro default__iso_weekday(day) -%} (weekday({{ day }}) + 1) {%- endmacro %}

{% macro duckdb__iso_weekday(day) -%} isodow({{ day }}) {%- endmacro %}
