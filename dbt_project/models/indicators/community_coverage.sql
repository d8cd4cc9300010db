{#- The villages of every place that reports community facilities, counted once per ancestor, month and area type. -#}
{%- set levels = ['province', 'city', 'county', 'town'] -%}
with

facilities as (
    select * from {{ ref('fct_community_facility') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

-- A month is described by its last report.
last_reports as (
    select
        facilities.*,
        row_number() over (partition by facility_id, month order by reported_on desc) as newest
    from facilities
),

standing as (
    select
        last_reports.month,
        last_reports.division_code,
        last_reports.is_comprehensive,
        last_reports.total_area_m2,
        divisions.village_code,
        divisions.town_code,
        divisions.county_code,
        divisions.city_code,
        divisions.province_code,
        coalesce(divisions.area_type, 'not_stated') as area_type,
        coalesce(divisions.city_code, divisions.province_code) as register_code
    from last_reports
    inner join divisions on last_reports.division_code = divisions.division_code
    where last_reports.newest = 1 and last_reports.is_open
),

-- A register covers its whole city: a village it does not name has nothing. A register may not say what is comprehensive.
registers as (
    select
        month,
        register_code,
        count(is_comprehensive) > 0 as states_comprehensive,
        count(case when is_comprehensive then total_area_m2 end) > 0 as states_area
    from standing
    group by month, register_code
),

per_village as (
    select
        month,
        village_code,
        max(case when is_comprehensive then 1 else 0 end) as has_comprehensive
    from standing
    where village_code is not null
    group by month, village_code
),

villages as (
    select
        registers.month,
        registers.states_comprehensive,
        registers.states_area,
        divisions.division_code as village_code,
        divisions.town_code,
        divisions.county_code,
        divisions.city_code,
        divisions.province_code,
        coalesce(divisions.area_type, 'not_stated') as area_type,
        divisions.households,
        case when per_village.village_code is not null then 1 else 0 end as has_facility,
        coalesce(per_village.has_comprehensive, 0) as has_comprehensive
    from registers
    inner join divisions
        on
            registers.register_code = coalesce(divisions.city_code, divisions.province_code)
            and divisions.level = 'village'
            and divisions.is_in_force
            and not divisions.is_virtual
    left join per_village
        on
            registers.month = per_village.month
            and divisions.division_code = per_village.village_code
),

-- Each village and each facility counts for every division above it, among all and among those of its area type.
divisions_above as (
    {%- for level in levels %}
    {%- for kind in ['all', 'own'] %}
    select
        '{{ level }}' as level,
        '{{ kind }}' as kind{{ ' union all' if not (loop.last and level == levels[-1]) }}
    {%- endfor %}
    {%- endfor %}
),

spread_villages as (
    select
        villages.*,
        {{ division_at('divisions_above.level', 'villages', levels) }} as division_code,
        case divisions_above.kind when 'all' then 'all' else villages.area_type end as counted_as
    from villages
    cross join divisions_above
),

village_counts as (
    select
        month,
        division_code,
        counted_as as area_type,
        count(*) as villages,
        sum(has_facility) as villages_with_facility,
        sum(has_comprehensive) as villages_with_comprehensive,
        sum(households) as households,
        sum(case when households is null then 1 else 0 end) as villages_without_households,
        bool_or(states_comprehensive) as states_comprehensive,
        bool_or(states_area) as states_area
    from spread_villages
    where division_code is not null
    group by month, division_code, counted_as
),

spread_areas as (
    select
        standing.month,
        standing.total_area_m2,
        {{ division_at('divisions_above.level', 'standing', levels) }} as division_code,
        case divisions_above.kind when 'all' then 'all' else standing.area_type end as counted_as
    from standing
    cross join divisions_above
    where standing.is_comprehensive
),

area_sums as (
    select
        month,
        division_code,
        counted_as as area_type,
        sum(total_area_m2) as area_m2
    from spread_areas
    where division_code is not null
    group by month, division_code, counted_as
),

final as (
    select
        village_counts.month,
        village_counts.division_code,
        village_counts.area_type,
        cast(village_counts.villages as bigint) as villages,
        cast(village_counts.villages_with_facility as bigint) as villages_with_facility,
        cast(village_counts.villages_with_comprehensive as bigint) as villages_with_comprehensive,
        cast(village_counts.households as bigint) as households,
        cast(village_counts.villages_without_households as bigint) as villages_without_households,
        village_counts.states_comprehensive,
        case when village_counts.states_area then coalesce(area_sums.area_m2, 0.0) end as area_m2
    from village_counts
    left join area_sums
        on
            village_counts.month = area_sums.month
            and village_counts.division_code = area_sums.division_code
            and village_counts.area_type = area_sums.area_type
)

select * from final
