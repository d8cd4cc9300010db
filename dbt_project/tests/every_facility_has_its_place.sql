-- Facilities without a division, with a point nobody believes, or with volumes but no registration: they stay, marked, and
-- this says whose they are.
{{ config(severity='warn') }}
select
    feed,
    sender,
    'division_' || division_method as problem,
    count(*) as facilities
from {{ ref('dim_facility') }}
where division_method = 'none'
group by feed, sender, division_method
union all
select
    feed,
    sender,
    point_reason as problem,
    count(*) as facilities
from {{ ref('dim_facility') }}
where point_trust = 'refused'
group by feed, sender, point_reason
union all
select
    department_code as feed,
    null as sender,
    'volume_of_no_registered_facility' as problem,
    count(distinct facility_id) as facilities
from {{ ref('fct_service_volume') }}
where not is_facility_registered
group by department_code
