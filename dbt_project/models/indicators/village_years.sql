with

history as (
    select * from {{ ref('dim_division_history') }}
),

dates as (
    select * from {{ ref('dim_date') }}
),

years as (
    select distinct
        cast(extract(year from date_day) as bigint) as year,
        cast(date_trunc('year', date_day) as date) as month
    from dates
    where date_day <= {{ run_date() }}
),

final as (
    select
        history.division_code as unit,
        history.division_code,
        years.month,
        cast(null as boolean) as is_on_time
    from history
    inner join years
        on
            years.year >= history.valid_from_year
            and years.year <= coalesce(history.valid_to_year, 9999)
    where
        history.level = 'village'
        and not history.is_virtual
)

select * from final
