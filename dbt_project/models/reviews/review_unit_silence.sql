{%- set dimensions = review_unit_columns('known', 'divisions') -%}
{%- set unit_keys = ['department_code', 'service_item_code', 'division_code', 'facility_id', 'contact_channel'] -%}
with

counts as (
    select * from {{ ref('review_counts') }}
),

lost_contacts as (
    select * from {{ ref('review_lost_contacts') }}
),

unmapped_contacts as (
    select * from {{ ref('review_unmapped_contacts') }}
),

silent_places as (
    select * from {{ ref('review_silent_places') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

periods as (
    select distinct
        period_kind,
        period_start,
        period_end
    from {{ ref('review_units') }}
),

-- A place of which a file is missing in a month of a period is not covered in that period.
silent_in_periods as (
    select
        periods.period_kind,
        periods.period_start,
        periods.period_end,
        silent_places.place,
        max(case when silent_places.feed = 'evaluation.contacts' then 1 else 0 end) as contacts_missing,
        max(case when silent_places.feed = 'evaluation.reviews' then 1 else 0 end) as reviews_missing
    from silent_places
    inner join periods on silent_places.month between periods.period_start and periods.period_end
    group by periods.period_kind, periods.period_start, periods.period_end, silent_places.place
),

known as (
    select
        month,
        {{ unit_keys | join(',\n        ') }},
        case facility_id when 'none' then division_code else facility_id end as place,
        contacts,
        0.0 as lost_contacts
    from counts
    where contacts > 0
    union all
    select
        month,
        {{ unit_keys | join(',\n        ') }},
        case facility_id when 'none' then division_code else facility_id end as place,
        0 as contacts,
        lost_contacts
    from lost_contacts
),

in_periods as (
    select
        silent_in_periods.period_kind,
        silent_in_periods.period_start,
        silent_in_periods.contacts_missing,
        silent_in_periods.reviews_missing,
        known.*
    from known
    inner join silent_in_periods
        on
            known.place = silent_in_periods.place
            and known.month between silent_in_periods.period_start and silent_in_periods.period_end
),

kinds as (
    {{ review_unit_kinds(dimensions) }}
),

by_unit as (
    select
        known.period_kind,
        known.period_start,
        kinds.dimension,
        {{ review_unit_code(dimensions) }} as code,
        known.contacts_missing,
        known.reviews_missing,
        known.contacts,
        known.lost_contacts,
        0 as unmapped_contacts
    from in_periods as known
    left join divisions on known.division_code = divisions.division_code
    cross join kinds
    union all
    -- Any other unit counts what came under an unmapped code of a department; the department alone does not.
    select
        periods.period_kind,
        periods.period_start,
        'department' as dimension,
        unmapped_contacts.department_code as code,
        0 as contacts_missing,
        0 as reviews_missing,
        0 as contacts,
        0.0 as lost_contacts,
        unmapped_contacts.unmapped_contacts
    from unmapped_contacts
    inner join periods on unmapped_contacts.month between periods.period_start and periods.period_end
),

final as (
    select
        period_kind,
        period_start,
        dimension,
        code,
        cast(sum(contacts) as bigint) as uncovered_contacts,
        cast(sum(lost_contacts) as double) as lost_contacts,
        cast(sum(unmapped_contacts) as bigint) as unmapped_contacts,
        nullif(concat_ws(
            ',',
            case when max(contacts_missing) = 1 then 'evaluation.contacts' end,
            case when max(reviews_missing) = 1 then 'evaluation.reviews' end
        ), '') as feeds_missing
    from by_unit
    where code is not null
    group by period_kind, period_start, dimension, code
)

select * from final
