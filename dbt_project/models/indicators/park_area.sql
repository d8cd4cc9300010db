{%- set levels = ['province', 'city', 'county', 'town'] -%}
with

facilities as (
    select * from {{ ref('dim_facility') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

parks as (
    select
        facilities.area_m2,
        divisions.province_code,
        divisions.city_code,
        divisions.county_code,
        divisions.town_code,
        coalesce(divisions.city_code, divisions.province_code) as register_code
    from facilities
    inner join divisions on facilities.division_code = divisions.division_code
    where facilities.facility_type = 'park' and facilities.is_open
),

registers as (
    select distinct register_code from parks
),

sums as (
    {%- for level in levels %}
    select
        {{ level }}_code as division_code,
        count(*) as parks,
        sum(area_m2) as area_m2
    from parks
    where {{ level }}_code is not null
    group by {{ level }}_code
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- Every division of a city that keeps a register of parks, those without a park included.
final as (
    select
        divisions.division_code,
        cast(coalesce(sums.parks, 0) as bigint) as parks,
        case when sums.division_code is null then 0.0 else sums.area_m2 end as area_m2,
        divisions.population,
        divisions.population_year
    from divisions
    inner join registers on coalesce(divisions.city_code, divisions.province_code) = registers.register_code
    left join sums on divisions.division_code = sums.division_code
    where divisions.level in ('province', 'city', 'county', 'town') and divisions.is_in_force
)

select * from final
