with

vintages as (
    select * from {{ ref('division_vintages') }}
),

scopes as (
    select * from {{ ref('division_scopes') }}
),

successors as (
    select * from {{ ref('division_successor') }}
),

population as (
    select * from {{ ref('division_population') }}
),

-- The newest vintage up to the chosen one; where all are later, the first.
targets as (
    select
        top_code,
        level,
        coalesce(max(case when vintage <= {{ var('restate_to_vintage') }} then vintage end), min(vintage)) as target_vintage
    from scopes
    group by top_code, level
),

units as (
    select
        vintages.vintage,
        vintages.code,
        vintages.level,
        vintages.town_code,
        vintages.county_code,
        vintages.city_code,
        vintages.province_code,
        targets.target_vintage,
        scopes.next_vintage
    from vintages
    {{ join_scopes() }}
    inner join targets
        on
            vintages.top_code = targets.top_code
            and vintages.level = targets.level
),

-- The residents of a unit in the first year that its vintage describes and somebody reports.
residents as (
    select
        units.vintage,
        units.code,
        population.population,
        row_number() over (partition by units.vintage, units.code order by population.year) as first_year
    from units
    inner join population
        on
            units.code = population.division_code
            and units.vintage <= population.year
            and coalesce(units.next_vintage, 9999) > population.year
    where population.population is not null
),

-- One vintage onwards where the target lies ahead, one back where it lies behind.
ways as (
    select
        units.vintage,
        units.code,
        successors.to_vintage,
        successors.new_code as to_code,
        successors.confidence
    from units
    inner join successors
        on
            units.vintage = successors.from_vintage
            and units.code = successors.old_code
    where units.vintage < units.target_vintage and successors.new_code is not null
    union all
    select
        units.vintage,
        units.code,
        successors.from_vintage as to_vintage,
        successors.old_code as to_code,
        successors.confidence
    from units
    inner join successors
        on
            units.vintage = successors.to_vintage
            and units.code = successors.new_code
    where units.vintage > units.target_vintage and successors.old_code is not null
),

weighed as (
    select
        ways.*,
        residents.population,
        count(*) over (partition by ways.vintage, ways.code) as ends,
        count(residents.population) over (partition by ways.vintage, ways.code) as ends_known,
        sum(residents.population) over (partition by ways.vintage, ways.code) as people
    from ways
    left join residents
        on
            ways.to_vintage = residents.vintage
            and ways.to_code = residents.code
            and residents.first_year = 1
),

-- 0 already there, 1 one heir, 2 shared out by residents: the surest ways of a unit.
final as (
    select
        vintage,
        code,
        vintage as to_vintage,
        code as to_code,
        cast(1 as double) as weight,
        cast(1 as double) as confidence,
        0 as method
    from units
    where vintage = target_vintage
    union all
    select
        vintage,
        code,
        to_vintage,
        to_code,
        case when ends = 1 then cast(1 as double) else cast(population as double) / people end as weight,
        confidence,
        case when ends = 1 then 1 else 2 end as method
    from weighed
    where ends = 1 or (ends = ends_known and people > 0)
)

select * from final
