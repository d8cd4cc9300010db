{%- set size = 0.01 -%}
with

access as (
    select * from {{ ref('facility_access') }}
    where
        division_level = 'village'
        and null_reason is null
        and communities_within_wide = 0
),

points as (
    select * from {{ ref('access_points') }}
    where
        longitude is not null
        and latitude is not null
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

-- A new site stands at the point of a community.
candidates as (
    select
        points.*,
        {{ access_cell('points.latitude', size) }} as latitude_cell,
        {{ access_cell('points.longitude', size) }} as longitude_cell
    from points
),

neighbours as (
    select
        around.register_code,
        around.division_code,
        candidates.division_code as site_code,
        coalesce(around.residents, 0) as residents
    from around
    inner join candidates
        on
            around.latitude_cell = candidates.latitude_cell
            and around.longitude_cell = candidates.longitude_cell
            and around.register_code = candidates.register_code
    cross join rules
    where
        rules.detour
        * {{ metres_apart('around.longitude', 'around.latitude', 'candidates.longitude', 'candidates.latitude') }}
        <= rules.reach
),

final as (
    select
        neighbours.register_code,
        access.circle_type,
        neighbours.site_code,
        neighbours.division_code,
        neighbours.residents
    from neighbours
    inner join access on neighbours.division_code = access.division_code
)

select * from final
