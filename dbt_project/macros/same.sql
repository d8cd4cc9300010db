{#- That two rows agree in every column of `columns`; for use after an `on`. -#}
{% macro same(one, other, columns) -%}
    {%- for column in columns %}{{ one }}.{{ column }} = {{ other }}.{{ column }}{{ ' and ' if not loop.last }}{% endfor -%}
{%- endmacro %}
