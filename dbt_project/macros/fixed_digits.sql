{#- A number as text with so many digits after the point. -#}
{% macro fixed_digits(number, digits) -%}
    {{ return(adapter.dispatch('fixed_digits', 'minsheng')(number, digits)) }}
{%- endmacro %}

{% macro default__fixed_digits(number, digits) -%} format_string('%.{{ digits }}f', cast({{ number }} as double)) {%- endmacro %}

{% macro duckdb__fixed_digits(number, digits) -%} printf('%.{{ digits }}f', cast({{ number }} as double)) {%- endmacro %}
