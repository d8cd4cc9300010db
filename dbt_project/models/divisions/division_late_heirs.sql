{{ late_heirs(['division_refound']) }}
