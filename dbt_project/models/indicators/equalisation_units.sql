{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
with

-- Inequality is between units with residents (or beds, households …) and a known resource; the others are counted.
cells as (
    select * from {{ ref('indicator_cells') }}
    where
        area_type = 'all'
        and was_in_force
        and has_denominator
        and numerator >= 0.0
        and denominator > 0.0
),

areas_above as (
    {%- for level in levels[:4] %}
    select
        '{{ level }}' as area_level,
        {{ loop.index }} as depth{{ ' union all' if not loop.last }}
    {%- endfor %}
),

placed as (
    select
        cells.*,
        case cells.division_level
            {%- for level in levels %}
            when '{{ level }}' then {{ loop.index }}
            {%- endfor %}
        end as depth
    from cells
),

spread as (
    select
        placed.*,
        areas_above.area_level,
        {{ division_at('areas_above.area_level', 'placed', levels[:4]) }} as area_code
    from placed
    inner join areas_above on placed.depth > areas_above.depth
),

ranked as (
    select
        spread.*,
        numerator / denominator as value,
        count(*) over (partition by indicator_code, period, area_code, division_level) as units,
        sum(numerator) over (partition by indicator_code, period, area_code, division_level) as resource_total,
        sum(denominator) over (partition by indicator_code, period, area_code, division_level) as people_total,
        sum(numerator / denominator) over (partition by indicator_code, period, area_code, division_level) as value_total
    from spread
    where area_code is not null
),

shared as (
    select
        ranked.*,
        numerator / nullif(resource_total, 0.0) as resource_share,
        denominator / people_total as people_share,
        value / nullif(value_total, 0.0) as unweighted_share
    from ranked
),

final as (
    select
        indicator_code,
        period_kind,
        period,
        area_code,
        area_level,
        division_level as unit_level,
        division_code,
        above_code as parent_code,
        own_area_type as area_type,
        one_area,
        unit,
        better,
        per,
        numerator as resource,
        denominator as people,
        value,
        cast(units as bigint) as units,
        resource_share,
        people_share,
        unweighted_share,
        cast(row_number() over (
            partition by indicator_code, period, area_code, division_level
            order by value asc, division_code asc
        ) as bigint) as value_rank,
        sum(resource_share) over (
            partition by indicator_code, period, area_code, division_level
            order by value asc, division_code asc
            rows between unbounded preceding and current row
        ) as resource_share_to,
        sum(people_share) over (
            partition by indicator_code, period, area_code, division_level
            order by value asc, division_code asc
            rows between unbounded preceding and current row
        ) as people_share_to
    from shared
)

select * from final
