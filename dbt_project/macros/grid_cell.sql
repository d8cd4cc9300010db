{#- The number of the cell of a grid that an axis of a point falls in. Squares of 0.03° (some 3 km) weigh a town and a hamlet
    alike; blocks of 0.01° tell the districts of one town apart; the nearest squares are looked for in windows of 0.5° and
    their neighbours. -#}
{% macro grid_cell(axis, grid) -%}
    cast(floor({{ axis }} / {{ {'square': '0.03', 'block': '0.01', 'window': '0.5'}[grid] }}) as bigint)
{%- endmacro %}
