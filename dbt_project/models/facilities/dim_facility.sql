with

history as (
    select * from {{ ref('dim_facility_history') }}
),

complexes as (
    select * from {{ source('derived', 'facility_complexes') }}
),

ranked as (
    select
        history.*,
        row_number() over (partition by facility_id order by valid_from desc) as newest
    from history
),

final as (
    select
        ranked.facility_id,
        ranked.facility_code,
        ranked.name,
        ranked.department_code,
        ranked.feed,
        ranked.facility_type,
        ranked.sent_type_code,
        ranked.sent_type_zh,
        ranked.sent_type_en,
        -- Named anew, so that a complex always bears the id of a facility that is here.
        min(ranked.facility_id) over (partition by coalesce(complexes.complex_id, ranked.facility_id)) as complex_id,
        ranked.division_code,
        ranked.division_method,
        ranked.sent_division_code,
        ranked.address,
        ranked.longitude,
        ranked.latitude,
        ranked.point_trust,
        ranked.point_reason,
        ranked.sent_longitude,
        ranked.sent_latitude,
        ranked.capacity_unit,
        {{ prefixed('ranked', register_columns() | reject('equalto', 'status') | list) }},
        case when ranked.has_left_register then 'unlisted' else ranked.status end as status,
        ranked.status = 'open' and not ranked.has_left_register as is_open,
        ranked.valid_from,
        ranked.last_seen_on,
        ranked.sender,
        ranked.receipt
    from ranked
    left join complexes on ranked.facility_id = complexes.facility_id
    where ranked.newest = 1
)

select * from final
