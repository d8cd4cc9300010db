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
),

assumed as (
    select * from {{ ref('access_assumed_points') }}
),

lacking as (
    select
        access.division_code,
        access.circle_type,
        points.register_code,
        coalesce(points.residents, 0) as residents,
        coalesce(assumed.longitude, points.longitude) as longitude,
        coalesce(assumed.latitude, points.latitude) as latitude
    from access
    inner join points on access.division_code = points.division_code
    left join assumed
        on
            access.division_code = assumed.division_code
            and access.circle_type = assumed.circle_type
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
    {{ cells_around('lacking', 'offsets', size) }}
),

-- Whoever lies at a network that is given is measured from there, as in facility_access.
roads as (
    select * from {{ source('derived', 'road_distances') }}
    where is_nearest
),

ways as (
    select * from {{ source('derived', 'road_site_distances') }}
),

places as (
    select
        division_code,
        register_code,
        cast(null as string) as circle_type,
        longitude,
        latitude
    from points
    where
        longitude is not null
        and latitude is not null
    union all
    select
        division_code,
        register_code,
        circle_type,
        longitude,
        latitude
    from assumed
),

-- A new site stands at the point of a community.
candidates as (
    select
        places.*,
        {{ access_cell('places.latitude', size) }} as latitude_cell,
        {{ access_cell('places.longitude', size) }} as longitude_cell
    from places
),

measured as (
    select
        around.register_code,
        around.circle_type,
        candidates.division_code as site_code,
        around.division_code,
        around.residents,
        rules.reach,
        rules.detour
        * {{ metres_apart('around.longitude', 'around.latitude', 'candidates.longitude', 'candidates.latitude') }} as metres
    from around
    inner join candidates
        on
            around.latitude_cell = candidates.latitude_cell
            and around.longitude_cell = candidates.longitude_cell
            and around.register_code = candidates.register_code
            and coalesce(candidates.circle_type, around.circle_type) = around.circle_type
    cross join rules
),

straight as (
    {{ off_the_roads('measured') }}
),

walked as (
    select
        lacking.register_code,
        lacking.circle_type,
        ways.site_code,
        lacking.division_code,
        lacking.residents,
        ways.metres,
        ways.distance_kind
    from lacking
    inner join ways
        on
            lacking.division_code = ways.division_code
            and lacking.circle_type = coalesce(ways.circle_type, lacking.circle_type)
    inner join points
        on
            ways.site_code = points.division_code
            and lacking.register_code = points.register_code
),

final as (
    select
        register_code,
        circle_type,
        site_code,
        division_code,
        residents,
        metres,
        'straight_line' as distance_kind
    from straight
    where metres <= reach
    union all
    select * from walked
)

select * from final
