with

history as (
    select * from {{ ref('dim_facility_history') }}
),

dates as (
    select * from {{ ref('dim_date') }}
),

-- The month of the run too stands as at its end: as it is on the day, but for what registers say of a later one.
months as (
    select distinct
        {{ month_start('date_day') }} as month,
        {{ month_end('date_day') }} as last_day
    from dates
    where {{ month_start('date_day') }} <= {{ run_month() }}
),

final as (
    select
        history.facility_id as unit,
        history.division_code,
        months.month,
        history.department_code,
        history.facility_type,
        history.status = 'open' as is_open,
        history.area_m2,
        history.capacity,
        cast(null as boolean) as is_on_time
    from history
    inner join months
        on
            history.valid_from <= months.last_day
            and coalesce(history.valid_to, cast('9999-12-31' as date)) >= months.last_day
)

select * from final
