with

{{ still_unmatched(['division_refound', 'division_late_heirs', 'division_refound_2', 'division_late_heirs_2']) }},

final as (
    select * from unmatched
)

select * from final
