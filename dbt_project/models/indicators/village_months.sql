with

facilities as (
    select * from {{ ref('community_facility_months') }}
),

history as (
    select * from {{ ref('dim_division_history') }}
),

standing as (
    select
        facilities.*,
        cast(extract(year from month) as bigint) as year
    from facilities
    where is_open
),

-- Where a place is by its newest description, whatever its level.
divisions as (
    select * from {{ ref('dim_division') }}
),

-- A register covers its whole city: a village it does not name has nothing. A register may not say what is comprehensive.
registers as (
    select
        standing.month,
        max(standing.year) as year,
        coalesce(divisions.city_code, divisions.province_code) as register_code,
        count(standing.is_comprehensive) > 0 as states_comprehensive
    from standing
    inner join divisions on standing.division_code = divisions.division_code
    group by standing.month, coalesce(divisions.city_code, divisions.province_code)
),

per_village as (
    select
        month,
        division_code,
        max(case when is_comprehensive then 1 else 0 end) as has_comprehensive,
        max(case when has_self_service_terminal then 1 else 0 end) as has_self_service
    from standing
    group by month, division_code
),

final as (
    select
        history.division_code as unit,
        history.division_code,
        registers.month,
        cast(case when per_village.division_code is null then 0 else 1 end as bigint) as has_facility,
        cast(
            case when registers.states_comprehensive then coalesce(per_village.has_comprehensive, 0) end as bigint
        ) as has_comprehensive,
        cast(coalesce(per_village.has_self_service, 0) as bigint) as has_self_service,
        cast(null as boolean) as is_on_time
    from registers
    inner join history
        on
            registers.register_code = coalesce(history.city_code, history.province_code)
            and history.level = 'village'
            and not history.is_virtual
            and registers.year >= history.valid_from_year
            and registers.year <= coalesce(history.valid_to_year, 9999)
    left join per_village
        on
            registers.month = per_village.month
            and history.division_code = per_village.division_code
)

select * from final
