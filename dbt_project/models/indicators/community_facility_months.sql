with

facilities as (
    select * from {{ ref('fct_community_facility') }}
),

ranked as (
    select
        facilities.*,
        row_number() over (partition by facility_id, month order by reported_on desc) as newest
    from facilities
),

final as (
    select
        facility_id as unit,
        division_code,
        month,
        is_open,
        is_comprehensive,
        total_area_m2,
        resident_activity_area_m2,
        outdoor_area_m2,
        has_self_service_terminal,
        cast(null as boolean) as is_on_time
    from ranked
    where newest = 1
)

select * from final
