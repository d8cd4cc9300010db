{#- Cells of 0.01° are 1.1 km high: wider than the straight line the circle allows, which a test holds against the policy. -#}
{%- set size = 0.01 -%}
with

-- A point of the register holds for every type, an assumed one for its own.
points as (
    select
        division_code,
        cast(null as string) as circle_type,
        residents,
        longitude,
        latitude
    from {{ ref('access_points') }}
    where
        longitude is not null
        and latitude is not null
    union all
    select
        division_code,
        circle_type,
        residents,
        longitude,
        latitude
    from {{ ref('access_assumed_points') }}
),

sites as (
    select * from {{ ref('access_sites') }}
),

roads as (
    select * from {{ source('derived', 'road_distances') }}
),

rules as (
    select
        max(case when parameter = 'detour_factor' then value end) as detour,
        max(case when parameter = 'reach_wide_m' then value end) as reach
    from {{ ref('access_rules') }}
),

offsets as (
    {{ access_offsets() }}
),

around as (
    {{ cells_around('points', 'offsets', size) }}
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
        gridded.circle_type,
        gridded.facility_id,
        rules.detour
        * {{ metres_apart('around.longitude', 'around.latitude', 'gridded.longitude', 'gridded.latitude') }} as metres,
        rules.reach,
        around.residents,
        gridded.supply
    from around
    inner join gridded
        on
            around.latitude_cell = gridded.latitude_cell
            and around.longitude_cell = gridded.longitude_cell
            and coalesce(around.circle_type, gridded.circle_type) = gridded.circle_type
    cross join rules
),

straight as (
    {{ off_the_roads('measured') }}
),

-- Whoever lies at a network that is given has all pairs from there.
walked as (
    select
        roads.division_code,
        roads.circle_type,
        roads.facility_id,
        roads.metres,
        rules.reach,
        points.residents,
        sites.supply
    from roads
    inner join points
        on
            roads.division_code = points.division_code
            and roads.circle_type = coalesce(points.circle_type, roads.circle_type)
    inner join sites
        on
            roads.circle_type = sites.circle_type
            and roads.facility_id = sites.facility_id
    cross join rules
),

reached as (
    select
        division_code,
        circle_type,
        facility_id,
        metres,
        reach,
        residents,
        supply
    from straight
    where metres <= reach
    union all
    select
        division_code,
        circle_type,
        facility_id,
        metres,
        reach,
        residents,
        supply
    from walked
    where metres <= reach
),

-- Gaussian decay: one at the door, nothing at the edge.
final as (
    select
        division_code,
        circle_type,
        facility_id,
        metres,
        residents,
        supply,
        (exp(-power(metres / reach, 2) / 2.0) - exp(cast(-1.0 as double) / 2.0))
        / (1.0 - exp(cast(-1.0 as double) / 2.0)) as decay
    from reached
)

select * from final
