with

units as (
    select * from {{ ref('equalisation_units') }}
),

indices as (
    select * from {{ ref('equalisation') }}
),

-- Units of levels whose values are published.
published as (
    select distinct
        indicator_code,
        division_level,
        per
    from {{ ref('indicator_cells') }}
    where is_published
),

final as (
    select
        units.indicator_code,
        indices.period_kind,
        units.period,
        units.area_code,
        units.area_level,
        units.unit_level,
        units.division_code,
        cast(null as string) as suppressed_reason,
        indices.smallest_people,
        published.per * units.value as value,
        units.value_rank,
        units.people_share,
        units.resource_share,
        units.people_share_to as lorenz_people_share,
        units.resource_share_to as lorenz_resource_share,
        case
            when units.resource_share > 0.0
                then round(units.resource_share * ln(units.resource_share / units.people_share), 12) + 0.0
            when units.resource_share = 0.0 then 0.0
        end as theil_t_contribution,
        case
            when units.resource_share > 0.0
                then round(units.people_share * ln(units.people_share / units.resource_share), 12) + 0.0
        end as theil_l_contribution,
        units.resource = 0.0 as is_without_resource
    from units
    inner join indices
        on
            units.indicator_code = indices.indicator_code
            and units.period = indices.period
            and units.area_code = indices.area_code
            and units.unit_level = indices.unit_level
    inner join published
        on
            units.indicator_code = published.indicator_code
            and units.unit_level = published.division_level
    where indices.null_reason is null
)

select * from final
