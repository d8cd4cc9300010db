{#- The rows of a group, of the table by this name, as a checksum; nothing where every night builds everything. -#}
{% macro content_of_rows(table) -%}
    {{ return(adapter.dispatch('content_of_rows', 'minsheng')(table)) }}
{%- endmacro %}

{% macro default__content_of_rows(table) -%}cast(count(*) as string){%- endmacro %}

{% macro duckdb__content_of_rows(table) -%}cast(count(*) as string) || ' ' || cast(sum(hash({{ table }})::hugeint) as string){%- endmacro %}
