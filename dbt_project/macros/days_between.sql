{#- Calendar days from `earlier` to `later`, both dates. -#}
{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch('days_between', 'minsheng')(earlier, later)) }}
{%- endmacro %}

{% macro default__days_between(earlier, later) -%} datediff({{ later }}, {{ earlier }}) {%- endmacro %}

{% macro duckdb__days_between(earlier, later) -%} date_diff('day', {{ earlier }}, {{ later }}) {%- endmacro %}
