-- 换算只在单位之间移动居民，不丢一人：报送之和等于最上级单位之和。
-- · Restating moves residents between units and loses none: the sum of what was reported is the sum over the units that nothing
-- stands above.
{{ config(meta={'dagster': {'ref': {'name': 'division_population_restated'}}}) }}
with

reported as (
    select
        year,
        sum(population) as population,
        sum(households) as households
    from {{ ref('population_reports') }}
    where reported_above is null
    group by year
),

topmost as (
    select distinct
        coalesce(province_code, city_code, county_code, town_code, village_code) as code,
        vintage
    from {{ ref('division_vintages') }}
),

restated as (
    select
        restated.year,
        sum(restated.population) as population,
        sum(restated.households) as households
    from {{ ref('division_population_restated') }} as restated
    inner join topmost
        on
            restated.division_code = topmost.code
            and restated.restated_vintage = topmost.vintage
    group by restated.year
)

select
    reported.year,
    reported.population,
    restated.population as restated_population
from reported
left join restated on reported.year = restated.year
where
    abs(reported.population - coalesce(restated.population, 0)) > 0.5
    or abs(reported.households - coalesce(restated.households, 0)) > 0.5
