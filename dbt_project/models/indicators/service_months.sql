with

volumes as (
    select * from {{ ref('fct_service_volume') }}
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

final as (
    select
        volumes.facility_id as unit,
        volumes.division_code,
        {{ month_start('volumes.period_start') }} as month,
        volumes.department_code,
        coalesce(facilities.facility_type, 'unknown') as facility_type,
        volumes.service_item_code,
        cast(sum(volumes.visits) as bigint) as visits,
        cast(sum(volumes.participants) as bigint) as participants,
        cast(sum(volumes.sessions) as bigint) as sessions,
        sum(volumes.open_hours) as open_hours,
        cast(sum(volumes.residents) as bigint) as residents,
        cast(null as boolean) as is_on_time
    from volumes
    left join facilities on volumes.facility_id = facilities.facility_id
    group by
        volumes.facility_id,
        volumes.division_code,
        {{ month_start('volumes.period_start') }},
        volumes.department_code,
        coalesce(facilities.facility_type, 'unknown'),
        volumes.service_item_code
)

select * from final
