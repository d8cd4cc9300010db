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
),

{{ nearest_in_cells(6 / 100) }}

select * from final
