{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
{%- set reaches = ['near', 'middle', 'wide'] -%}
with

-- Cities that send facilities of any type.
sending as (
    select distinct register_code
    from {{ ref('access_sites') }}
),

points as (
    select access_points.*
    from {{ ref('access_points') }} as access_points
    inner join sending on access_points.register_code = sending.register_code
),

assumed as (
    select * from {{ ref('access_assumed_points') }}
),

pairs as (
    select * from {{ ref('access_pairs') }}
),

nearest as (
    select * from {{ ref('access_nearest') }}
),

circle as (
    select
        circle_type,
        max(facility_type) is not null as has_feed
    from {{ ref('circle_facilities') }}
    group by circle_type
),

-- A city that sends no facility of a type has not said that there is none.
sites as (
    select
        circle_type,
        register_code,
        count(*) as sites
    from {{ ref('access_sites') }}
    group by circle_type, register_code
),

divisions as (
    select * from {{ ref('dim_division') }}
),

rules as (
    select
        {%- for reach in reaches %}
        max(case when parameter = 'reach_{{ reach }}_m' then value end) as {{ reach }}_m,
        {%- endfor %}
        max(case when parameter = 'detour_factor' then value end) as detour_factor
    from {{ ref('access_rules') }}
),

-- Two-step floating catchment areas: what a facility has for each resident in reach, and the sum of it in a community's.
demanded as (
    select
        circle_type,
        facility_id,
        max(supply) / nullif(sum(coalesce(residents, 0)), 0) as supply_per_resident,
        max(supply) / nullif(sum(coalesce(residents, 0) * decay), 0.0) as supply_per_weighted_resident
    from pairs
    group by circle_type, facility_id
),

supplied as (
    select
        pairs.division_code,
        pairs.circle_type,
        count(*) as facilities_within,
        sum(demanded.supply_per_resident) as accessibility,
        sum(demanded.supply_per_weighted_resident * pairs.decay) as accessibility_gaussian
    from pairs
    inner join demanded
        on
            pairs.circle_type = demanded.circle_type
            and pairs.facility_id = demanded.facility_id
    group by pairs.division_code, pairs.circle_type
),

located as (
    select
        points.*,
        circle.circle_type,
        circle.has_feed,
        assumed.division_code is not null as is_assumed,
        assumed.division_code is not null or (points.longitude is not null and points.latitude is not null) as has_point
    from points
    cross join circle
    left join assumed
        on
            points.division_code = assumed.division_code
            and circle.circle_type = assumed.circle_type
),

communities as (
    select
        points.*,
        points.division_code as village_code,
        coalesce(sites.sites, 0) > 0 as has_sites,
        points.has_point and sites.sites > 0 as is_measured,
        nearest.facility_id,
        nearest.metres,
        nearest.distance_kind,
        coalesce(supplied.facilities_within, 0) as facilities_within,
        coalesce(supplied.accessibility, 0.0) as accessibility,
        coalesce(supplied.accessibility_gaussian, 0.0) as accessibility_gaussian
    from located as points
    left join sites
        on
            points.circle_type = sites.circle_type
            and points.register_code = sites.register_code
    left join nearest
        on
            points.division_code = nearest.division_code
            and points.circle_type = nearest.circle_type
    left join supplied
        on
            points.division_code = supplied.division_code
            and points.circle_type = supplied.circle_type
),

levels_above as (
    {%- for level in levels %}
    select '{{ level }}' as level{{ ' union all' if not loop.last }}
    {%- endfor %}
),

spread as (
    select
        communities.*,
        levels_above.level as spread_level,
        {{ division_at('levels_above.level', 'communities', levels) }} as spread_code
    from communities
    cross join levels_above
),

summed as (
    select
        spread.spread_code as division_code,
        spread.spread_level as division_level,
        spread.circle_type,
        bool_or(spread.has_feed) as has_feed,
        bool_or(spread.has_sites) as has_sites,
        count(*) as communities,
        sum(case when spread.has_point then 0 else 1 end) as communities_without_point,
        sum(case when spread.is_assumed then 1 else 0 end) as communities_with_assumed_point,
        sum(spread.residents) as residents,
        sum(case when spread.has_point then 0 else spread.residents end) as residents_without_point,
        sum(case when spread.is_assumed then spread.residents else 0 end) as residents_with_assumed_point,
        sum(case when spread.is_measured then spread.residents end) as residents_measured,
        {%- for reach in reaches %}
        sum(case when spread.is_measured and spread.metres <= rules.{{ reach }}_m then 1 else 0 end)
            as communities_within_{{ reach }},
        sum(case when spread.is_measured and spread.metres <= rules.{{ reach }}_m then spread.residents else 0 end)
            as residents_within_{{ reach }},
        {%- endfor %}
        sum(case when spread.is_measured then 1 else 0 end) as communities_measured,
        sum(case when spread.is_measured then spread.residents * spread.accessibility end)
        / nullif(sum(case when spread.is_measured then spread.residents end), 0)
            as accessibility,
        sum(case when spread.is_measured then spread.residents * spread.accessibility_gaussian end)
        / nullif(sum(case when spread.is_measured then spread.residents end), 0)
            as accessibility_gaussian,
        case when count(*) = 1 then max(spread.facility_id) end as nearest_facility_id,
        case when count(*) = 1 then max(spread.metres) end as nearest_m,
        sum(spread.residents * spread.metres) / nullif(sum(case when spread.metres is not null then spread.residents end), 0)
            as mean_nearest_m,
        sum(case when spread.is_measured and spread.metres is not null then 1 else 0 end) as communities_with_way,
        sum(case when spread.is_measured and spread.metres is not null then spread.residents else 0 end) as residents_with_way,
        max(spread.facilities_within) as facilities_within_most,
        sum(case when spread.is_measured and spread.distance_kind = 'road' then 1 else 0 end) as communities_by_road,
        min(case when spread.is_measured then spread.distance_kind end) as first_kind,
        max(case when spread.is_measured then spread.distance_kind end) as last_kind,
        max(rules.detour_factor) as detour_factor
    from spread
    cross join rules
    where spread.spread_code is not null
    group by spread.spread_code, spread.spread_level, spread.circle_type
),

reasoned as (
    select
        summed.*,
        case
            when not has_feed then 'no_feed'
            when not has_sites then 'no_facility'
            when communities_measured = 0 then 'no_point'
        end as null_reason
    from summed
),

final as (
    select
        reasoned.division_code,
        divisions.full_name as division_name,
        reasoned.division_level,
        reasoned.circle_type,
        divisions.area_type,
        cast(reasoned.communities as bigint) as communities,
        cast(reasoned.communities_without_point as bigint) as communities_without_point,
        cast(reasoned.communities_with_assumed_point as bigint) as communities_with_assumed_point,
        cast(reasoned.residents as bigint) as residents,
        cast(reasoned.residents_without_point as bigint) as residents_without_point,
        cast(reasoned.residents_with_assumed_point as bigint) as residents_with_assumed_point,
        case when reasoned.division_level = 'village' then reasoned.nearest_facility_id end as nearest_facility_id,
        case when reasoned.division_level = 'village' then reasoned.nearest_m end as nearest_m,
        reasoned.mean_nearest_m,
        case when reasoned.null_reason is null then cast(reasoned.communities_with_way as bigint) end as communities_with_way,
        case when reasoned.null_reason is null then cast(reasoned.residents_with_way as bigint) end as residents_with_way,
        case when reasoned.division_level = 'village' and reasoned.null_reason is null
            then cast(reasoned.facilities_within_most as bigint)
        end as facilities_within_wide,
        {%- for reach in reaches %}
        case when reasoned.null_reason is null then cast(reasoned.communities_within_{{ reach }} as bigint) end
            as communities_within_{{ reach }},
        case when reasoned.null_reason is null then cast(reasoned.residents_within_{{ reach }} as bigint) end
            as residents_within_{{ reach }},
        case
            when reasoned.null_reason is null
                then {{ ratio('reasoned.residents_within_' ~ reach, 'reasoned.residents_measured') }}
        end
            as share_within_{{ reach }},
        {%- endfor %}
        case when reasoned.null_reason is null then reasoned.accessibility end as accessibility,
        case when reasoned.null_reason is null then reasoned.accessibility_gaussian end as accessibility_gaussian,
        reasoned.detour_factor,
        case
            when reasoned.null_reason is null and reasoned.first_kind = reasoned.last_kind then reasoned.first_kind
            when reasoned.null_reason is null and reasoned.first_kind is not null then 'mixed'
        end as distance_kind,
        case when reasoned.null_reason is null then cast(reasoned.communities_by_road as bigint) end as communities_by_road,
        reasoned.null_reason
    from reasoned
    inner join divisions on reasoned.division_code = divisions.division_code
)

select * from final
