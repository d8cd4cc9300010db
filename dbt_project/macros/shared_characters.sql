{#- How many different characters two names share. An edit distance would not do: DuckDB's counts bytes, three to a character. -#}
{% macro shared_characters(one, other) -%}
    {{ return(adapter.dispatch('shared_characters', 'minsheng')(one, other)) }}
{%- endmacro %}

{% macro default__shared_characters(one, other) -%} size(array_intersect(split({{ one }}, ''), split({{ other }}, ''))) {%- endmacro %}

{% macro duckdb__shared_characters(one, other) -%}
    len(list_intersect(string_split({{ one }}, ''), string_split({{ other }}, '')))
{%- endmacro %}
