{#-
  CTEs up to `final`: for every row of the CTE `asked` (division_code, circle_type, longitude, latitude) the nearest of the CTE
  `sites` in cells of `size` degrees around it. `is_settled`: nothing outside these cells can be nearer. `metres` are of the straight line.
-#}
{% macro nearest_in_cells(size) -%}
offsets as (
    {{ access_offsets() }}
),

around as (
    {{ cells_around('asked', 'offsets', size) }}
),

gridded as (
    select
        sites.*,
        {{ access_cell('sites.latitude', size) }} as latitude_cell,
        {{ access_cell('sites.longitude', size) }} as longitude_cell
    from sites
),

measured as (
    select
        around.division_code,
        around.circle_type,
        gridded.facility_id,
        {{ metres_apart('around.longitude', 'around.latitude', 'gridded.longitude', 'gridded.latitude') }} as metres
    from around
    inner join gridded
        on
            around.circle_type = gridded.circle_type
            and around.latitude_cell = gridded.latitude_cell
            and around.longitude_cell = gridded.longitude_cell
),

ranked as (
    select
        measured.*,
        row_number() over (partition by division_code, circle_type order by metres asc, facility_id asc) as nearest
    from measured
),

-- A degree of latitude is 111,194 m on the sphere that distances are taken on.
final as (
    select
        asked.division_code,
        asked.circle_type,
        asked.longitude,
        asked.latitude,
        ranked.facility_id,
        ranked.metres,
        coalesce(ranked.metres <= {{ size * 111194 }}, false) as is_settled
    from asked
    left join ranked
        on
            asked.division_code = ranked.division_code
            and asked.circle_type = ranked.circle_type
            and ranked.nearest = 1
)
{%- endmacro %}
