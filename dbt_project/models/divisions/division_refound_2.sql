{{ refound('division_unmatched_2', ['division_refound', 'division_late_heirs']) }}
