with

{{ still_unmatched(['division_refound', 'division_late_heirs']) }},

final as (
    select * from unmatched
)

select * from final
