{{ config(
    materialized=kept(),
    meta={'steps': 'indicator_changes'},
    pre_hook="{{ take_out('(indicator_code, period) in (' ~ touched_indicators() ~ ')') }}",
    post_hook="{{ say_updated() }}",
) }}
{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
{%- set by_value = 'partition by indicator_code, period, area_code, division_level order by value asc, division_code asc' -%}
{%- set of_all = by_value ~ ' rows between unbounded preceding and unbounded following' -%}
{%- set up_to_here = by_value ~ ' rows between unbounded preceding and current row' -%}
{{ after('indicator_changes') }}
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
        {{ of_touched_indicators('and') }}
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
        numerator / denominator as value,
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

-- Everything about the others in one order, so that the rows are sorted once.
ranked as (
    select
        spread.*,
        count(*) over ({{ of_all }}) as units,
        sum(numerator) over ({{ of_all }}) as resource_total,
        sum(denominator) over ({{ of_all }}) as people_total,
        sum(value) over ({{ of_all }}) as value_total,
        row_number() over ({{ by_value }}) as value_rank,
        sum(numerator) over ({{ up_to_here }}) as resource_to,
        sum(denominator) over ({{ up_to_here }}) as people_to
    from spread
    where area_code is not null
),

final as (
    select
        indicator_code,
        period,
        area_code,
        area_level,
        division_level as unit_level,
        division_code,
        above_code as parent_code,
        own_area_type as area_type,
        one_area,
        numerator as resource,
        denominator as people,
        value,
        cast(units as bigint) as units,
        resource_total / people_total as mean,
        value_total / units as unweighted_mean,
        numerator / nullif(resource_total, 0.0) as resource_share,
        denominator / people_total as people_share,
        cast(value_rank as bigint) as value_rank,
        resource_to / nullif(resource_total, 0.0) as resource_share_to,
        people_to / people_total as people_share_to
    from ranked
)

select * from final
