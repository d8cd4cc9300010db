{#- Great-circle distance of two points in metres (haversine, mean radius 6,371,000 m); degrees WGS-84, none of them null. -#}
{% macro metres_apart(longitude, latitude, other_longitude, other_latitude) -%}
    12742000.0 * asin(sqrt(least(1.0,
        power(sin(radians({{ other_latitude }} - {{ latitude }}) / 2.0), 2)
        + cos(radians({{ latitude }})) * cos(radians({{ other_latitude }}))
        * power(sin(radians({{ other_longitude }} - {{ longitude }}) / 2.0), 2)
    )))
{%- endmacro %}
