{{ late_heirs(['division_refound', 'division_late_heirs', 'division_refound_2']) }}
