{#- The text of one field of a JSON object; null where the object or the field is null. -#}
{% macro json_text(column, field) -%}
    {{ return(adapter.dispatch('json_text', 'minsheng')(column, field)) }}
{%- endmacro %}

{% macro default__json_text(column, field) -%} get_json_object({{ column }}, '$.{{ field }}') {%- endmacro %}

{% macro duckdb__json_text(column, field) -%} json_extract_string({{ column }}, '$.{{ field }}') {%- endmacro %}
