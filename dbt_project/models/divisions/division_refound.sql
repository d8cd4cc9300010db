{{ refound('division_unmatched') }}
