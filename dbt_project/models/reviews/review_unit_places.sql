with

units as (
    select * from {{ ref('review_units') }}
),

unit_areas as (
    select * from {{ ref('review_unit_areas') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

departments as (
    select * from {{ ref('dim_department') }}
),

items as (
    select * from {{ ref('dim_service_item') }}
),

channels as (
    select * from {{ ref('handling_channels') }}
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

judged_in_areas as (
    select
        period_kind,
        period_start,
        dimension,
        code,
        sum(contacts_judged) as contacts_judged,
        sum(case when area = 'unknown' then contacts_inside else 0 end) as contacts_unplaced
    from unit_areas
    group by period_kind, period_start, dimension, code
),

-- The nearest area that holds nearly all of a unit's placed contacts: a share above one half, so no two apart can hold it.
claimed as (
    select
        unit_areas.period_kind,
        unit_areas.period_start,
        unit_areas.dimension,
        unit_areas.code,
        unit_areas.area,
        row_number() over (
            partition by unit_areas.period_kind, unit_areas.period_start, unit_areas.dimension, unit_areas.code
            order by unit_areas.nearness desc
        ) as place
    from unit_areas
    inner join units
        on {{ same('unit_areas', 'units', ['period_kind', 'period_start', 'dimension', 'code']) }}
    inner join judged_in_areas
        on {{ same('unit_areas', 'judged_in_areas', ['period_kind', 'period_start', 'dimension', 'code']) }}
    where
        unit_areas.contacts_inside > 0
        and unit_areas.contacts_inside >= unit_areas.area_share_min * (units.contacts - judged_in_areas.contacts_unplaced)
),

-- What is counted at a division itself is named after it, bound by its policy, and stands beside nobody.
coded as (
    select
        units.*,
        case when code like 'rest:%' then substr(code, 6) else code end as division_code,
        code like 'rest:%' as is_rest
    from units
),

final as (
    select
        units.period_kind,
        units.period_start,
        units.dimension,
        units.code,
        -- A division is a place, a registered facility has one; any other unit is where its contacts are.
        coalesce(
            unit_division.division_code, nullif(unit_facility.division_code, 'unknown'), claimed.area, ''
        ) as placed_in,
        coalesce(
            unit_division.full_name || case when units.is_rest then '（未分到下级）' else '' end,
            unit_department.name_zh,
            unit_item.name_zh,
            unit_channel.name_zh,
            unit_facility.name
        ) as name_zh,
        -- Who a unit stands beside: divisions of one parent, facilities of one type, halls, every department, item or channel.
        case
            when {{ is_no_unit('units.code') }} then null
            when units.dimension = 'facility' then coalesce(unit_facility.facility_type, 'hall')
            when unit_division.division_code is not null then coalesce(unit_division.parent_code, 'all')
            else 'all'
        end as peer_group,
        cast(coalesce(judged_in_areas.contacts_judged, 0) as bigint) as contacts_in_areas
    from coded as units
    left join divisions as unit_division
        on
            units.division_code = unit_division.division_code
            and (units.is_rest or units.dimension = unit_division.level)
    left join departments as unit_department
        on
            units.code = unit_department.department_code
            and units.dimension = 'department'
    left join items as unit_item
        on
            units.code = unit_item.service_item_code
            and units.dimension = 'service_item'
    left join channels as unit_channel
        on
            units.code = unit_channel.code
            and units.dimension = 'channel'
    left join facilities as unit_facility
        on
            units.code = unit_facility.facility_id
            and units.dimension = 'facility'
    left join claimed
        on
            {{ same('units', 'claimed', ['period_kind', 'period_start', 'dimension', 'code']) }}
            and claimed.place = 1
    left join judged_in_areas
        on {{ same('units', 'judged_in_areas', ['period_kind', 'period_start', 'dimension', 'code']) }}
)

select * from final
