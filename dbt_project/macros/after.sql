{#- Puts a model before this one that only some of its builds read: dbt looks for references once, when nothing is built yet. -#}
{% macro after(model_name) -%}
    {%- if not execute %}-- {{ ref(model_name) }}{% endif -%}
{%- endmacro %}
