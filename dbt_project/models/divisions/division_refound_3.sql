{{ refound('division_unmatched_3', ['division_refound', 'division_late_heirs', 'division_refound_2', 'division_late_heirs_2']) }}
