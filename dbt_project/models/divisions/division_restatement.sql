{#- Six doublings of one step carry a unit over 64 vintages. -#}
{%- set doublings = 6 -%}
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
sure as (
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
),

-- A unit without heirs, or among whose heirs nobody can share it out, counts in the smallest unit that surely holds it.
stranded as (
    select units.*
    from units
    left join sure
        on
            units.vintage = sure.vintage
            and units.code = sure.code
    where sure.code is null
),

held as (
    select
        stranded.vintage,
        stranded.code,
        coalesce(
            in_town.to_vintage, in_county.to_vintage, in_city.to_vintage, in_province.to_vintage, stranded.vintage
        ) as to_vintage,
        coalesce(in_town.to_code, in_county.to_code, in_city.to_code, in_province.to_code, stranded.code) as to_code,
        cast(1 as double) as weight,
        coalesce(in_town.confidence, in_county.confidence, in_city.confidence, in_province.confidence, 1) as confidence,
        case
            when coalesce(in_town.to_code, in_county.to_code, in_city.to_code, in_province.to_code) is null then 4
            else 3
        end as method
    from stranded
    {%- for level in ['town', 'county', 'city', 'province'] %}
    left join sure as in_{{ level }}
        on
            stranded.vintage = in_{{ level }}.vintage
            and stranded.{{ level }}_code = in_{{ level }}.code
            and stranded.code <> in_{{ level }}.code
            and in_{{ level }}.method < 2
    {%- endfor %}
),

links as (
    select * from sure
    union all
    select * from held
),

-- Only those on the way are taken further; who has arrived, or can go nowhere, rests.
step_0 as (
    select
        links.*,
        ends.code is not null as is_there
    from links
    left join links as ends
        on
            links.to_vintage = ends.vintage
            and links.to_code = ends.code
            and ends.vintage = ends.to_vintage
            and ends.code = ends.to_code
),
{%- for step in range(doublings) %}

step_{{ step + 1 }} as (
    select * from step_{{ step }}
    where is_there
    union all
    select
        one.vintage,
        one.code,
        two.to_vintage,
        two.to_code,
        sum(one.weight * two.weight) as weight,
        min(least(one.confidence, two.confidence)) as confidence,
        max(greatest(one.method, two.method)) as method,
        two.is_there
    from step_{{ step }} as one
    inner join step_{{ step }} as two
        on
            one.to_vintage = two.vintage
            and one.to_code = two.code
    where not one.is_there
    group by one.vintage, one.code, two.to_vintage, two.to_code, two.is_there
),
{%- endfor %}

-- Ways that part may meet again.
arrived as (
    select
        vintage,
        code,
        to_vintage,
        to_code,
        sum(weight) as weight,
        min(confidence) as confidence,
        max(method) as method
    from step_{{ doublings }}
    group by vintage, code, to_vintage, to_code
),

final as (
    select
        cast(arrived.vintage as string) || ':' || arrived.code || '>' || arrived.to_code as restatement_key,
        arrived.code as division_code,
        arrived.vintage,
        units.next_vintage - 1 as last_year,
        units.level,
        arrived.to_code as restated_code,
        arrived.to_vintage as restated_vintage,
        arrived.weight,
        case arrived.method
            when 0 then 'same_vintage'
            when 1 then 'successor'
            when 2 then 'share_of_residents'
            when 3 then 'parent'
            else 'none'
        end as method,
        arrived.confidence
    from arrived
    inner join units
        on
            arrived.vintage = units.vintage
            and arrived.code = units.code
)

select * from final
