{#- A place name as compared: blanks removed, the variant 臺 written 台 (both are official spellings of one name). -#}
{% macro fold_name(name) -%}
    nullif(translate({{ name }}, '臺 　', '台'), '')
{%- endmacro %}
