{#-
  CTEs up to `final`: for every row of the CTE `asked` (division_code, circle_type, longitude, latitude) the nearest of the CTE
  `sites` in cells of `size` degrees around it. `is_settled`: nothing outside these cells can be nearer. `metres` are of the straight
  line. `seekers` names the CTE whose points are looked around: without types, each point looks once for facilities of all types.

  Only the least of one number a point and type is kept, tenths of millimetres before the number of the site: pairs are neither sorted nor
  held in memory. It has 63 bits for half the globe and 33 million sites.
-#}
{% macro nearest_in_cells(size, seekers='asked') -%}
{%- set sites_max = 33554432 -%}
offsets as (
    {{ access_offsets() }}
),

around as (
    {{ cells_around(seekers, 'offsets', size) }}
),

gridded as (
    select
        sites.*,
        {{ access_cell('sites.latitude', size) }} as latitude_cell,
        {{ access_cell('sites.longitude', size) }} as longitude_cell
    from sites
),

nearest as (
    select
        around.division_code,
        gridded.circle_type,
        min(
            cast(floor(
                10000.0
                * {{ metres_apart('around.longitude', 'around.latitude', 'gridded.longitude', 'gridded.latitude') }}
            ) as bigint) * {{ sites_max }} + gridded.site_number
        ) as place_and_site
    from around
    inner join gridded
        on
            around.latitude_cell = gridded.latitude_cell
            and around.longitude_cell = gridded.longitude_cell
            {%- if seekers == 'asked' %}
            and around.circle_type = gridded.circle_type
            {%- endif %}
    group by around.division_code, gridded.circle_type
),

found as (
    select
        asked.division_code,
        asked.circle_type,
        asked.longitude,
        asked.latitude,
        sites.facility_id,
        {{ metres_apart('asked.longitude', 'asked.latitude', 'sites.longitude', 'sites.latitude') }} as metres
    from asked
    left join nearest
        on
            asked.division_code = nearest.division_code
            and asked.circle_type = nearest.circle_type
    left join sites on nearest.place_and_site % {{ sites_max }} = sites.site_number
),

-- A degree of latitude is 111,194 m on the sphere that distances are taken on.
final as (
    select
        found.*,
        coalesce(metres <= {{ size * 111194 }}, false) as is_settled
    from found
)
{%- endmacro %}
