-- A share lies from 0 to 1 or is flagged as above one, and nothing but a remainder is below zero.
select
    indicator_code,
    division_code,
    period,
    area_type
from {{ ref('indicator_value') }}
where
    (unit = 'share' and value > 1.0 and coalesce(quality_flags, '') not like '%above_one%')
    or (not is_remainder and (numerator < 0.0 or denominator < 0.0 or value < 0.0))
