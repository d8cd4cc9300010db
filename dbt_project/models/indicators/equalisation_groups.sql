{{ config(
    materialized=kept(),
    meta={'steps': 'indicator_changes'},
    pre_hook="{{ take_out('(indicator_code, period) in (' ~ touched_indicators() ~ ')') }}",
    post_hook="{{ say_updated() }}",
) }}
{{ after('indicator_changes') }}
with

units as (
    select * from {{ ref('equalisation_units') }}
    {{ of_touched_indicators() }}
),

groupings as (
    select 'urban_rural' as grouping
    union all
    select 'parent' as grouping
),

grouped as (
    select
        units.*,
        groupings.grouping,
        case groupings.grouping when 'parent' then coalesce(units.parent_code, 'none') else units.area_type end as group_code
    from units
    cross join groupings
    where
        -- Villages alone have a class, which residents of one class do not compare.
        (groupings.grouping = 'urban_rural' and units.unit_level = 'village' and units.one_area is null)
        or groupings.grouping = 'parent'
),

sums as (
    select
        indicator_code,
        period,
        area_code,
        unit_level,
        grouping,
        group_code,
        sum(resource_share) as resource_share,
        sum(people_share) as people_share,
        min(resource_share) as least,
        sum(case when resource_share > 0.0 then resource_share * ln(resource_share / people_share) else 0.0 end) as t_terms,
        sum(case when resource_share > 0.0 then people_share * ln(people_share / resource_share) end) as l_terms
    from grouped
    group by indicator_code, period, area_code, unit_level, grouping, group_code
),

-- Σ Y T of a group is Σ y ln(y/p) less Y ln(Y/P); likewise for L.
parts as (
    select
        sums.*,
        case when resource_share > 0.0 then resource_share * ln(resource_share / people_share) else 0.0 end as t_between,
        case when resource_share > 0.0 then people_share * ln(people_share / resource_share) end as l_between
    from sums
),

final as (
    select
        indicator_code,
        period,
        area_code,
        unit_level,
        grouping,
        cast(count(*) as bigint) as groups,
        sum(t_between) as theil_t_between,
        sum(t_terms - t_between) as theil_t_within,
        case when min(resource_share) > 0.0 then sum(l_between) end as theil_l_between,
        case when min(least) > 0.0 then sum(l_terms - l_between) end as theil_l_within
    from parts
    where resource_share is not null
    group by indicator_code, period, area_code, unit_level, grouping
    -- Parents divide where one is not the area itself; what lies directly in the area is then a group as well.
    having grouping = 'urban_rural' or max(case when group_code <> area_code then 1 else 0 end) = 1
)

select * from final
