{#- Whole seconds from `earlier` to `later`, both timestamps. -#}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('seconds_between', 'minsheng')(earlier, later)) }}
{%- endmacro %}

{% macro default__seconds_between(earlier, later) -%} (unix_timestamp({{ later }}) - unix_timestamp({{ earlier }})) {%- endmacro %}

{% macro duckdb__seconds_between(earlier, later) -%} date_diff('second', {{ earlier }}, {{ later }}) {%- endmacro %}
