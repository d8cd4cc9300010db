{#- `columns` of one relation, as a select list or a group by writes them. -#}
{% macro prefixed(relation, columns) -%}
    {%- for column in columns %}{{ relation }}.{{ column }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}
