{#-
  The grid of facilities. A cell is `size` degrees of latitude high and two of them wide: at 60° it is square. `cells_around` says
  in which cells a circle of `size` degrees of latitude around a point may have facilities: at most 3 × 7 offsets, of which few
  lie within the circle's box. The box is right up to 80°; it does not reach over the 180th meridian.
-#}
{% macro access_cell(axis, size) -%}
    cast(floor({{ axis }} / {{ size if axis.endswith('latitude') else 2 * size }}) as bigint)
{%- endmacro %}

{% macro access_offsets() -%}
    select
        latitudes.n as latitude_step,
        longitudes.n as longitude_step
    from (select -1 as n union all select 0 as n union all select 1 as n) as latitudes
    cross join (
        {%- for n in range(-3, 4) %}
        select {{ n }} as n{{ ' union all' if not loop.last }}
        {%- endfor %}
    ) as longitudes
{%- endmacro %}

{#- Points with every cell their circle may touch: latitude_cell and longitude_cell beside their columns. For use in a CTE. -#}
{% macro cells_around(points, offsets, size) -%}
    select
        {{ points }}.*,
        {{ access_cell(points ~ '.latitude', size) }} + {{ offsets }}.latitude_step as latitude_cell,
        {{ access_cell(points ~ '.longitude', size) }} + {{ offsets }}.longitude_step as longitude_cell
    from {{ points }}
    inner join {{ offsets }}
        on
            {{ access_cell(points ~ '.longitude', size) }} + {{ offsets }}.longitude_step
            >= cast(floor(({{ points }}.longitude - {{ size }} / cos(radians({{ points }}.latitude))) / {{ 2 * size }}) as bigint)
            and {{ access_cell(points ~ '.longitude', size) }} + {{ offsets }}.longitude_step
            <= cast(floor(({{ points }}.longitude + {{ size }} / cos(radians({{ points }}.latitude))) / {{ 2 * size }}) as bigint)
{%- endmacro %}
