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
        divisions.urban_rural_year,
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
            -- Residents of the unit that bore the code before are not this one's.
            and coalesce(divisions.reused_since_year, 0) <= newest_population.year
    union all
    -- Rows that no code and no name could place stay, and are counted here.
    select
        'unknown' as division_code,
        '未能归属' as name,
        '未能归属' as full_name,
        'unknown' as level,
        cast(null as string) as parent_code,
        cast(null as string) as area_type,
        cast(null as string) as area_type_null_reason,
        cast(null as bigint) as urban_rural_year,
        false as is_virtual,
        cast(null as string) as province_code,
        cast(null as string) as city_code,
        cast(null as string) as county_code,
        cast(null as string) as town_code,
        cast(null as string) as village_code,
        cast(null as double) as longitude,
        cast(null as double) as latitude,
        cast(null as bigint) as households,
        cast(null as bigint) as population,
        cast(null as bigint) as population_year,
        cast(null as bigint) as population_divisions_summed,
        cast(null as bigint) as valid_from_year,
        cast(null as bigint) as valid_to_year,
        false as is_in_force,
        cast(null as string) as problem,
        false as is_fictional
)

select * from final
