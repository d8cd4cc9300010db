with

vintages as (
    select * from {{ ref('division_vintages') }}
),

twins as (
    select * from {{ ref('division_twins') }}
),

{{ child_witnesses('twins') }},

final as (
    select
        from_vintage,
        to_vintage,
        old_code,
        new_code,
        children_share
    from witnesses
)

select * from final
