{#- Stops the query with a sentence, where a test is to say more than a count. -#}
{% macro fail_with(sentence) -%}
    {{ return(adapter.dispatch('fail_with', 'minsheng')(sentence)) }}
{%- endmacro %}

{% macro default__fail_with(sentence) -%} raise_error({{ sentence }}) {%- endmacro %}

{% macro duckdb__fail_with(sentence) -%} error({{ sentence }}) {%- endmacro %}
