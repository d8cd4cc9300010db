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
    from {{ ref('access_search_far') }}
    where not is_settled
),

{{ nearest_in_cells(2) }}

select * from final
