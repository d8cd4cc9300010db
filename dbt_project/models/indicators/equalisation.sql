{%- set series = 'partition by reasoned.indicator_code, reasoned.area_code, reasoned.unit_level' -%}
with

units as (
    select * from {{ ref('equalisation_units') }}
),

groups as (
    select * from {{ ref('equalisation_groups') }}
),

cells as (
    select * from {{ ref('indicator_cells') }}
    where
        area_type = 'all'
        and was_in_force
),

values_published as (
    select * from {{ ref('indicator_value') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

indicators as (
    select distinct
        indicator_code,
        period_kind,
        unit,
        better,
        per
    from cells
),

targets as (
    select
        indicator_code,
        division_code,
        period,
        max(target) as target
    from values_published
    group by indicator_code, division_code, period
),

described as (
    select
        units.*,
        indicators.period_kind,
        indicators.unit,
        indicators.per,
        units.value / nullif(units.unweighted_mean, 0.0) as value_to_mean,
        units.resource_share_to - units.resource_share as resource_share_before,
        targets.target,
        case
            when targets.target is null then null
            when indicators.better = 'down' and indicators.per * units.value <= targets.target then 1
            when indicators.better <> 'down' and indicators.per * units.value >= targets.target then 1
            else 0
        end as reaches
    from units
    inner join indicators on units.indicator_code = indicators.indicator_code
    left join targets
        on
            units.indicator_code = targets.indicator_code
            and units.area_code = targets.division_code
            and units.period = targets.period
),

indices as (
    select
        indicator_code,
        period_kind,
        period,
        area_code,
        area_level,
        unit_level,
        max(unit) as unit,
        max(one_area) as one_area,
        cast(max(units) as bigint) as units,
        cast(sum(case when resource = 0.0 then 1 else 0 end) as bigint) as units_without_resource,
        sum(people) as people,
        min(people) as least_people,
        sum(resource) as resource,
        max(per) * max(mean) as mean,
        max(per) * max(unweighted_mean) as unweighted_mean,
        max(per) * max(value) as highest,
        max(per) * min(value) as lowest,
        case when min(value) > 0.0 then max(value) / min(value) end as max_min_ratio,
        max(target) as target,
        avg(cast(reaches as double)) as share_reaching,
        sum(people_share * reaches) as people_share_reaching,
        case
            when max(unweighted_mean) > 0.0
                then sqrt(sum(power(value - unweighted_mean, 2)) / max(units)) / max(unweighted_mean)
        end as cv,
        case
            when max(unweighted_mean) > 0.0 and max(units) > 1
                then sqrt(sum(power(value - unweighted_mean, 2)) / (max(units) - 1)) / max(unweighted_mean)
        end as cv_sample,
        case when max(mean) > 0.0 then sqrt(sum(people_share * power(value - mean, 2))) / max(mean) end as cv_weighted,
        sum(case when resource_share > 0.0 then resource_share * ln(resource_share / people_share) else 0.0 end) as theil_t,
        case when min(resource) > 0.0 then sum(people_share * ln(people_share / resource_share)) end as theil_l,
        avg(case when value_to_mean > 0.0 then value_to_mean * ln(value_to_mean) else 0.0 end) as theil_t_unweighted,
        case when min(resource) > 0.0 then avg(-ln(value_to_mean)) end as theil_l_unweighted,
        1.0 - sum(people_share * (resource_share_to + resource_share_before)) as gini,
        (2.0 * avg(value_rank * value_to_mean) - max(units) - 1) / max(units) as gini_unweighted,
        sum(case when area_type = 'urban' then resource end) / nullif(sum(case when area_type = 'urban' then people end), 0.0)
            as urban_value,
        sum(case when area_type = 'rural' then resource end) / nullif(sum(case when area_type = 'rural' then people end), 0.0)
            as rural_value,
        max(per) as per
    from described
    group by indicator_code, period_kind, period, area_code, area_level, unit_level
),

-- The least people a figure of the indicator stands for, of all that are published in the province: whoever knew an index and
-- the other figures could work out a withheld one.
smallest as (
    select
        indicator_code,
        period,
        province_code,
        min(abs(denominator)) as people
    from cells
    where
        is_published
        and denominator <> 0.0
    group by indicator_code, period, province_code
),

counted as (
    {%- for level in ['province', 'city', 'county', 'town'] %}
    select
        indicator_code,
        period,
        division_level as unit_level,
        {{ level }}_code as area_code,
        cast(count(*) as bigint) as units_expected
    from cells
    where {{ level }}_code is not null
    group by indicator_code, period, division_level, {{ level }}_code
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

rules as (
    select * from {{ ref('indicator_rules') }}
    where parameter = 'placed_min'
),

-- What is known of the area and of none of its units would look like a resource that nobody has.
placed as (
    select
        indices.*,
        case when cells.numerator > 0.0 then indices.resource / cells.numerator end as placed_share,
        greatest(counted.units_expected - indices.units, 0) as units_left_out
    from indices
    left join cells
        on
            indices.indicator_code = cells.indicator_code
            and indices.period = cells.period
            and indices.area_code = cells.division_code
    left join counted
        on
            indices.indicator_code = counted.indicator_code
            and indices.period = counted.period
            and indices.area_code = counted.area_code
            and indices.unit_level = counted.unit_level
),

reasoned as (
    select
        placed.*,
        case
            when placed.placed_share < rules.value then 'known_only_higher'
            when placed.units < 2 then 'one_unit'
            when placed.resource = 0.0 then 'no_resource'
        end as null_reason,
        case
            when placed.one_area is not null then 'of_one_area'
            when placed.unit_level <> 'village' then 'no_classes'
            when placed.placed_share < rules.value then 'known_only_higher'
            when placed.urban_value is null then 'no_urban_units'
            when placed.rural_value is null then 'no_rural_units'
            when placed.rural_value = 0.0 then 'rural_has_nothing'
        end as urban_rural_null_reason
    from placed
    cross join rules
),

-- A resource of which too much is known only for units above looks as if most units had none.
told as (
    select
        reasoned.*,
        {{ follows('reasoned.period', 'reasoned.period_kind', series) }} as has_previous,
        coalesce(reasoned.null_reason, '') <> 'known_only_higher' as is_placed,
        coalesce(reasoned.null_reason, '') <> 'known_only_higher'
        and coalesce(reasoned.urban_rural_null_reason, '') <> 'of_one_area' as is_compared
    from reasoned
),

final as (
    select
        told.indicator_code,
        told.period_kind,
        told.period,
        told.area_code,
        told.area_level,
        divisions.full_name as area_name,
        told.unit_level,
        cast(null as string) as suppressed_reason,
        cast(floor(least(coalesce(smallest.people, told.least_people), told.least_people)) as bigint) as smallest_people,
        told.unit,
        told.units,
        told.units_left_out,
        told.units_without_resource,
        told.people,
        told.resource,
        told.placed_share,
        told.mean,
        told.unweighted_mean,
        case when told.is_placed then told.highest end as highest,
        case when told.is_placed then told.lowest end as lowest,
        case when told.is_placed then told.max_min_ratio end as max_min_ratio,
        case when told.is_compared then told.per * told.urban_value end as urban_value,
        case when told.is_compared then told.per * told.rural_value end as rural_value,
        case when told.is_compared then told.urban_value / nullif(told.rural_value, 0.0) end as urban_rural_ratio,
        case when told.is_compared then round(told.per * (told.urban_value - told.rural_value), 12) + 0.0 end as urban_rural_gap,
        told.target,
        case when told.is_placed then told.share_reaching end as share_reaching,
        case when told.is_placed then told.people_share_reaching end as people_share_reaching,
        -- An index is a difference of sums that add up in another order each night: more than twelve places of it are chance, and
        -- added to zero it is no negative zero.
        {%- for index in [
            'cv', 'cv_sample', 'cv_weighted', 'theil_t', 'theil_l', 'theil_t_unweighted', 'theil_l_unweighted',
            'gini', 'gini_unweighted'
        ] %}
        case when told.null_reason is null then round(told.{{ index }}, 12) + 0.0 end as {{ index }},
        {%- endfor %}
        {%- for grouping in ['urban_rural', 'parent'] %}
        {%- for part in ['theil_t_between', 'theil_t_within', 'theil_l_between', 'theil_l_within'] %}
        case
            when told.null_reason is null then round({{ grouping }}_groups.{{ part }}, 12) + 0.0
        end as {{ part }}_{{ grouping }},
        {%- endfor %}
        {%- endfor %}
        {%- for name, figure in [
            ('gini', 'case when told.null_reason is null then round(told.gini, 12) + 0.0 end'),
            ('theil_t', 'case when told.null_reason is null then round(told.theil_t, 12) + 0.0 end'),
            ('urban_rural_ratio', 'case when told.is_compared then told.urban_value / nullif(told.rural_value, 0.0) end'),
            (
                'urban_rural_gap',
                'case when told.is_compared then round(told.per * (told.urban_value - told.rural_value), 12) + 0.0 end'
            )
        ] %}
        case when told.has_previous then lag({{ figure }}) over (
            partition by told.indicator_code, told.area_code, told.unit_level
            order by told.period
        ) end as {{ name }}_previous,
        {%- endfor %}
        -- Nothing was drawn whose chance an interval could tell; who is left out is no chance either.
        case
            when not told.has_previous then 'no_previous'
            when greatest(told.units_left_out, lag(told.units_left_out) over (
                partition by told.indicator_code, told.area_code, told.unit_level
                order by told.period
            )) > 0 then 'units_left_out'
            else 'complete_count'
        end as change_interval_null_reason,
        told.null_reason,
        case
            when told.null_reason is not null then told.null_reason
            when told.units_without_resource > 0 then 'unit_without_resource'
        end as theil_l_null_reason,
        told.urban_rural_null_reason
    from told
    inner join divisions on told.area_code = divisions.division_code
    left join smallest
        on
            told.indicator_code = smallest.indicator_code
            and told.period = smallest.period
            and coalesce(divisions.province_code, '') = coalesce(smallest.province_code, '')
    {%- for grouping in ['urban_rural', 'parent'] %}
    left join groups as {{ grouping }}_groups
        on
            told.indicator_code = {{ grouping }}_groups.indicator_code
            and told.period = {{ grouping }}_groups.period
            and told.area_code = {{ grouping }}_groups.area_code
            and told.unit_level = {{ grouping }}_groups.unit_level
            and {{ grouping }}_groups.grouping = '{{ grouping }}'
    {%- endfor %}
)

select * from final
