{{ refound(['division_refound', 'division_late_heirs']) }}
