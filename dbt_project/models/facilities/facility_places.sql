{#- Squares of 0.03° and their eight neighbours hold every point within 2 km up to 53° north. -#}
{%- set cell = '0.03' -%}
with

points as (
    select * from {{ ref('facility_points') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

rules as (
    select max(case when parameter = 'nearest_within_m' then value end) as nearest_within_m
    from {{ ref('facility_place_rules') }}
),

known as (
    select
        division_code,
        longitude,
        latitude
    from divisions
    where level = 'village' and longitude is not null and latitude is not null and valid_to_year is null
    union all
    select
        division_code,
        longitude,
        latitude
    from points
    where point_trust = 'checked'
),

known_cells as (
    select
        division_code,
        longitude,
        latitude,
        cast(floor(longitude / {{ cell }}) as bigint) as x,
        cast(floor(latitude / {{ cell }}) as bigint) as y
    from known
),

steps as (
    {%- for step in [-1, 0, 1] %}
    select {{ step }} as step{{ ' union all' if not loop.last }}
    {%- endfor %}
),

homeless as (
    select
        points.place_key,
        points.longitude,
        points.latitude,
        cast(floor(points.longitude / {{ cell }}) as bigint) + east.step as x,
        cast(floor(points.latitude / {{ cell }}) as bigint) + north.step as y
    from points
    cross join steps as east
    cross join steps as north
    where points.division_code = 'unknown' and points.point_trust = 'unchecked'
),

neighbours as (
    select
        homeless.place_key,
        known_cells.division_code,
        {{ metres_apart('homeless.longitude', 'homeless.latitude', 'known_cells.longitude', 'known_cells.latitude') }}
            as metres
    from homeless
    inner join known_cells on homeless.x = known_cells.x and homeless.y = known_cells.y
),

nearest as (
    select
        neighbours.place_key,
        neighbours.division_code,
        neighbours.metres,
        row_number() over (
            partition by neighbours.place_key
            order by neighbours.metres asc, neighbours.division_code asc
        ) as nearness
    from neighbours
    cross join rules
    where neighbours.metres <= rules.nearest_within_m
),

final as (
    select
        points.place_key,
        coalesce(nearest.division_code, points.division_code) as division_code,
        case when nearest.division_code is not null then 'nearest' else points.division_method end as division_method,
        round(nearest.metres, 1) as nearest_m,
        -- A point nobody believes is not used by accident: it stays in the sent columns.
        case when points.point_trust in ('checked', 'unchecked') then points.longitude end as longitude,
        case when points.point_trust in ('checked', 'unchecked') then points.latitude end as latitude,
        points.point_trust,
        points.point_reason
    from points
    left join nearest
        on
            points.place_key = nearest.place_key
            and nearest.nearness = 1
)

select * from final
