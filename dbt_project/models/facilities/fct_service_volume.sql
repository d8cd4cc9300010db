{{ config(materialized='view') }}
with

sums as (
    select * from {{ ref('service_volume_sums') }}
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

final as (
    select
        sums.facility_id,
        sums.period_start,
        sums.period_end,
        sums.service_item_code,
        split_part(sums.feed, '.', 1) as department_code,
        -- A facility may be placed elsewhere, or registered, long after its volumes were summed.
        coalesce(facilities.division_code, 'unknown') as division_code,
        facilities.facility_id is not null as is_facility_registered,
        sums.visits,
        sums.participants,
        sums.sessions,
        sums.open_hours,
        sums.residents
    from sums
    left join facilities on sums.facility_id = facilities.facility_id
)

select * from final
