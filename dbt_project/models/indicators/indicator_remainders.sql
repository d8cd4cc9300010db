with

cells as (
    select * from {{ ref('indicator_cells') }}
    where is_published
),

division_levels as (
    select * from {{ ref('division_levels') }}
),

-- What the units right below a unit account for, of those that are published.
below as (
    select
        cells.indicator_code,
        cells.above_code,
        cells.period,
        cells.area_type,
        sum(cells.numerator) as numerator,
        sum(cells.denominator) as denominator,
        min(division_levels.depth) as depth
    from cells
    inner join division_levels on cells.division_level = division_levels.level
    where
        cells.above_code is not null
        and cells.was_in_force
    group by cells.indicator_code, cells.above_code, cells.period, cells.area_type
),

-- Sums of doubles differ in their last digits: what is left of them is nothing.
compared as (
    select
        cells.*,
        below.depth as depth_below,
        {%- for part in ['numerator', 'denominator'] %}
        case
            when abs(cells.{{ part }} - coalesce(below.{{ part }}, 0.0)) <= 0.000001 + 0.000000000001 * abs(cells.{{ part }})
                then 0.0
            else cells.{{ part }} - coalesce(below.{{ part }}, 0.0)
        end as {{ part }}_left{{ ',' if not loop.last }}
        {%- endfor %}
    from cells
    inner join below
        on
            cells.indicator_code = below.indicator_code
            and cells.division_code = below.above_code
            and cells.period = below.period
            and cells.area_type = below.area_type
    where cells.was_in_force
),

final as (
    select
        compared.indicator_code,
        'rest:' || compared.division_code as division_code,
        compared.division_name,
        division_levels.level as division_level,
        compared.division_code as above_code,
        compared.period_kind,
        compared.period,
        compared.area_type,
        compared.unit,
        compared.numerator_left as numerator,
        compared.denominator_left as denominator,
        compared.population_year
    from compared
    inner join division_levels on compared.depth_below = division_levels.depth
    where
        compared.numerator_left <> 0.0
        or compared.denominator_left <> 0.0
)

select * from final
