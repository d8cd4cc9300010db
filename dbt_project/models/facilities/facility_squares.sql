with

known as (
    select * from {{ ref('facility_known_points') }}
),
{%- for grid in ['square', 'block'] %}

{{ grid }}s as (
    select
        '{{ grid }}' as grid,
        county_code,
        {{ grid_cell('longitude', grid) }} as x,
        {{ grid_cell('latitude', grid) }} as y,
        count(*) as points,
        avg(longitude) as longitude,
        avg(latitude) as latitude
    from known
    group by county_code, {{ grid_cell('longitude', grid) }}, {{ grid_cell('latitude', grid) }}
),
{%- endfor %}

cells as (
    select * from squares
    union all
    select * from blocks
),

counted as (
    select
        cells.*,
        cast(sum(points) over (partition by grid, x, y) as bigint) as all_points
    from cells
),

final as (
    select
        grid,
        x,
        y,
        county_code,
        points,
        all_points,
        -- So a few wrong points among many right ones own nothing.
        points * 2 > all_points as is_owner,
        longitude,
        latitude,
        {{ grid_cell('longitude', 'window') }} as window_x,
        {{ grid_cell('latitude', 'window') }} as window_y
    from counted
)

select * from final
