{#-
  How near an area of validity is to a division: 5 the village itself … 1 its province, 0 everywhere; null: it does not reach it.
  Without divisions: only what holds everywhere reaches.
-#}
{% macro area_nearness(area, divisions=none) -%}
    case {{ area }}
        when '' then 0
        {%- if divisions %}
        when {{ divisions }}.village_code then 5
        when {{ divisions }}.town_code then 4
        when {{ divisions }}.county_code then 3
        when {{ divisions }}.city_code then 2
        when {{ divisions }}.province_code then 1
        {%- endif %}
    end
{%- endmacro %}
