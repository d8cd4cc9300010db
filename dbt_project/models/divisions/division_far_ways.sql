with

ways_0 as (
    select * from {{ ref('division_ways') }}
),

-- Three doublings of one step are eight vintages.
{{ doubled_ways(3) }},

final as (
    select * from ways_3
)

select * from final
