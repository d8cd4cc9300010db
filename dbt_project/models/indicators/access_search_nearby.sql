with

sites as (
    select * from {{ ref('access_sites') }}
),

asked as (
    select
        division_code,
        circle_type,
        longitude,
        latitude
    from {{ ref('access_search_near') }}
    where not is_settled
    union all
    -- Of whom another point is assumed for each type, so that no search of all types at once finds theirs.
    select
        division_code,
        circle_type,
        longitude,
        latitude
    from {{ ref('access_assumed_points') }}
),

{{ nearest_in_cells(6 / 100) }}

select * from final
