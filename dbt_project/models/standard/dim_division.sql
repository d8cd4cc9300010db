with

divisions as (
    select * from {{ ref('division_latest') }}
),

population as (
    select * from {{ ref('division_population') }}
),

newest_population as (
    select
        population.*,
        row_number() over (partition by division_code order by year desc) as newest
    from population
),

final as (
    select
        divisions.division_code,
        divisions.name,
        divisions.full_name,
        divisions.level,
        divisions.parent_code,
        divisions.area_type,
        divisions.area_type_null_reason,
        divisions.is_virtual,
        divisions.province_code,
        divisions.city_code,
        divisions.county_code,
        divisions.town_code,
        divisions.village_code,
        divisions.longitude,
        divisions.latitude,
        newest_population.households,
        newest_population.population,
        newest_population.year as population_year,
        newest_population.divisions_summed as population_divisions_summed,
        divisions.valid_from_year,
        divisions.valid_to_year,
        divisions.valid_to_year is null as is_in_force,
        divisions.problem,
        divisions.is_fictional
    from divisions
    left join newest_population
        on
            divisions.division_code = newest_population.division_code
            and newest_population.newest = 1
)

select * from final
