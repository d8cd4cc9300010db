with

workers as (
    select * from {{ ref('community_worker_months') }}
),

history as (
    select * from {{ ref('dim_division_history') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

-- Only where reports of villages are expected: a country has 620,000 of them every year.
asked as (
    select distinct
        cast(extract(year from workers.month) as bigint) as year,
        cast(date_trunc('year', workers.month) as date) as month,
        coalesce(
            divisions.city_code, divisions.province_code, divisions.county_code, divisions.town_code, divisions.village_code
        ) as register_code
    from workers
    inner join divisions on workers.division_code = divisions.division_code
),

final as (
    select
        history.division_code as unit,
        history.division_code,
        asked.month,
        cast(null as boolean) as is_on_time
    from history
    inner join asked
        on
            history.valid_from_year <= asked.year
            and coalesce(history.valid_to_year, 9999) >= asked.year
            and coalesce(
                history.city_code, history.province_code, history.county_code, history.town_code, history.village_code
            ) = asked.register_code
    where
        history.level = 'village'
        and not history.is_virtual
)

select * from final
