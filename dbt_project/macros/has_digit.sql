{#- Whether a text holds a digit, half or full width; null where there is no text. -#}
{% macro has_digit(text) -%}
    ({{ text }} <> translate({{ text }}, '0123456789０１２３４５６７８９', ''))
{%- endmacro %}
