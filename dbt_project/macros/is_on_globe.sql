{#- Whether a point is on the globe, in degrees; null where an axis is. -#}
{% macro is_on_globe(longitude, latitude) -%}
    (abs({{ longitude }}) <= 180 and abs({{ latitude }}) <= 90)
{%- endmacro %}
