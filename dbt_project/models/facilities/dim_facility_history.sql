{%- set placed_by = ['division_code', 'division_name', 'address', 'longitude', 'latitude'] -%}
{%- set described = ['name', 'type_code'] + placed_by + register_columns() -%}
with

reports as (
    select * from {{ ref('facility_reports') }}
),

places as (
    select * from {{ ref('facility_places') }}
),

type_codes as (
    select * from {{ ref('facility_type_codes') }}
),

types as (
    select * from {{ ref('facility_types') }}
),

compared as (
    select
        reports.*,
        lag(snapshot_on) over (partition by facility_id order by snapshot_on) as seen_before_on,
        lag(absence_proved_on) over (partition by facility_id order by snapshot_on) as gone_on,
        lead(snapshot_on) over (partition by facility_id order by snapshot_on) as seen_next_on
        {%- for column in described %},
        lag({{ column }}) over (partition by facility_id order by snapshot_on) as {{ column }}_before
        {%- endfor %}
    from reports
),

differing as (
    select
        compared.*,
        coalesce(gone_on < snapshot_on, false) as is_back,
        case
            when seen_before_on is not null
                then nullif(concat_ws(','
                    {%- for column in described %},
                    case when {{ column }} is distinct from {{ column }}_before then '{{ column }}' end
                    {%- endfor %}
                ), '')
        end as changed_fields
    from compared
),

-- A new description, or a return after an absence, begins another period.
numbered as (
    select
        differing.*,
        sum(case when seen_before_on is null or is_back or changed_fields is not null then 1 else 0 end) over (
            partition by facility_id
            order by snapshot_on
            rows between unbounded preceding and current row
        ) as period
    from differing
),

-- The last report of a period says whether the facility was missing afterwards.
ends as (
    select
        facility_id,
        period,
        snapshot_on as last_seen_on,
        coalesce(absence_proved_on < coalesce(seen_next_on, {{ add_days('absence_proved_on', 1) }}), false) as has_left,
        absent_from,
        seen_next_on,
        row_number() over (partition by facility_id, period order by snapshot_on desc) as newest
    from numbered
),

starts as (
    select
        numbered.*,
        row_number() over (partition by facility_id, period order by snapshot_on asc) as first_of_period
    from numbered
),

final as (
    select
        starts.facility_id || '@' || cast(starts.snapshot_on as string) as facility_key,
        starts.facility_id,
        starts.snapshot_on as valid_from,
        {{ add_days('case when ends.has_left then ends.absent_from else ends.seen_next_on end', -1) }} as valid_to,
        ends.has_left as has_left_register,
        case
            when starts.seen_before_on is null then 'registered'
            when starts.is_back then 'reappeared'
            when starts.status = 'closed' and starts.status_before <> 'closed' then 'closed'
            when starts.status <> 'closed' and starts.status_before = 'closed' then 'reopened'
            else 'changed'
        end as change,
        starts.changed_fields,
        starts.facility_code,
        starts.name,
        split_part(starts.feed, '.', 1) as department_code,
        starts.feed,
        coalesce(types.code, 'unknown') as facility_type,
        starts.type_code as sent_type_code,
        type_codes.sent_type_zh,
        type_codes.sent_type_en,
        places.division_code,
        places.division_method,
        starts.division_code as sent_division_code,
        starts.address,
        starts.phone,
        places.longitude,
        places.latitude,
        places.point_trust,
        places.point_reason,
        starts.longitude as sent_longitude,
        starts.latitude as sent_latitude,
        starts.capacity_unit,
        {{ prefixed('starts', register_columns()) }},
        ends.last_seen_on,
        starts.sender,
        starts.receipt
    from starts
    inner join ends
        on
            starts.facility_id = ends.facility_id
            and starts.period = ends.period
            and ends.newest = 1
    inner join places on starts.place_key = places.place_key
    left join type_codes
        on
            starts.feed = type_codes.feed
            and starts.type_code = type_codes.sent_code
    left join types on type_codes.facility_type = types.code
    where starts.first_of_period = 1
)

select * from final
