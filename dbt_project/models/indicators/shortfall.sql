with

sites as (
    select * from {{ ref('shortfall_sites') }}
),

pairs as (
    select * from {{ ref('shortfall_pairs') }}
),

access as (
    select * from {{ ref('facility_access') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

rules as (
    select * from {{ ref('access_rules') }}
    where parameter = 'reach_wide_m'
),

gained as (
    select
        register_code,
        circle_type,
        site_order,
        sum(residents) as residents_gained
    from sites
    where site_order is not null
    group by register_code, circle_type, site_order
),

-- The curve: what share of the city's residents is within reach once so many sites are open.
curve as (
    select
        gained.*,
        sum(gained.residents_gained) over (
            partition by gained.register_code, gained.circle_type
            order by gained.site_order
            rows between unbounded preceding and current row
        ) as residents_gained_to
    from gained
),

final as (
    select
        sites.division_code,
        divisions.full_name as division_name,
        'village' as division_level,
        divisions.county_code,
        coalesce(divisions.area_type, 'not_stated') as area_type,
        sites.circle_type,
        cast(row_number() over (
            partition by sites.register_code
            order by
                sites.residents desc,
                coalesce(access.nearest_m, 1000000000.0) desc,
                sites.division_code asc,
                sites.circle_type asc
        ) as bigint) as rank,
        divisions.population as residents,
        access.nearest_facility_id,
        access.nearest_m,
        access.distance_kind,
        rules.value as reach_m,
        access.nearest_m - rules.value as metres_beyond,
        sites.register_code,
        city.share_within_wide as city_share_within,
        sites.site_order,
        sites.site_code,
        pairs.metres as site_m,
        pairs.distance_kind as site_distance_kind,
        cast(curve.residents_gained as bigint) as site_residents_gained,
        (city.residents_within_wide + curve.residents_gained_to)
        / nullif(city.residents - city.residents_without_point, 0) as city_share_with_sites,
        case
            when sites.site_order is null then 'beyond_listed_sites'
        end as site_null_reason
    from sites
    cross join rules
    inner join divisions on sites.division_code = divisions.division_code
    inner join access
        on
            sites.division_code = access.division_code
            and sites.circle_type = access.circle_type
    left join access as city
        on
            sites.register_code = city.division_code
            and sites.circle_type = city.circle_type
    left join curve
        on
            sites.register_code = curve.register_code
            and sites.circle_type = curve.circle_type
            and sites.site_order = curve.site_order
    left join pairs
        on
            sites.circle_type = pairs.circle_type
            and sites.division_code = pairs.division_code
            and sites.site_code = pairs.site_code
)

select * from final
