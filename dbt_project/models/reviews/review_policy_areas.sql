with

divisions as (
    select * from {{ ref('division_latest') }}
),

areas as (
    select distinct area from {{ ref('dim_review_policy') }}
    where area <> ''
),

-- Most cities have no area with rules of its own, and this is empty.
final as (
    select
        divisions.division_code,
        areas.area,
        cast({{ area_nearness('areas.area', 'divisions') }} as bigint) as nearness
    from divisions
    cross join areas
    where {{ area_nearness('areas.area', 'divisions') }} is not null
)

select * from final
