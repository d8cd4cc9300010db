-- 一个设施一天只有一个描述，dim_facility 为最新的一个。
-- · A facility has one description a day, and dim_facility holds the newest.
{{ config(meta={'dagster': {'ref': {'name': 'dim_facility_history'}}}) }}
select
    earlier.facility_id,
    earlier.valid_from,
    later.valid_from as overlapped_from
from {{ ref('dim_facility_history') }} as earlier
inner join {{ ref('dim_facility_history') }} as later
    on
        earlier.facility_id = later.facility_id
        and earlier.valid_from < later.valid_from
        and coalesce(earlier.valid_to, later.valid_from) >= later.valid_from
union all
select
    facilities.facility_id,
    facilities.valid_from,
    max(history.valid_from) as overlapped_from
from {{ ref('dim_facility') }} as facilities
inner join {{ ref('dim_facility_history') }} as history on facilities.facility_id = history.facility_id
group by facilities.facility_id, facilities.valid_from
having max(history.valid_from) <> facilities.valid_from
