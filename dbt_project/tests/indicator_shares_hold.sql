-- A share of villages lies from 0 to 1, and its numerator is part of its denominator.
select
    indicator_code,
    division_code,
    period,
    area_type
from {{ ref('indicator_value') }}
where
    unit = 'share'
    and (value not between 0 and 1 or numerator > denominator)
