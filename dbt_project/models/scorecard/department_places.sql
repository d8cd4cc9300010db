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
    select
        month,
        place,
        max(case when feed = 'evaluation.contacts' then 1 else 0 end) as contacts_missing,
        max(case when feed = 'evaluation.reviews' then 1 else 0 end) as reviews_missing
    from {{ ref('review_silent_places') }}
    group by month, place
),

divisions as (
    select * from {{ ref('division_latest') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

areas as (
    select * from {{ ref('review_policy_areas') }}
),

known as (
    select
        month,
        department_code,
        division_code,
        case facility_id when 'none' then division_code else facility_id end as place,
        contacts,
        0.0 as lost_contacts,
        0 as unmapped_contacts
    from counts
    union all
    select
        month,
        department_code,
        division_code,
        case facility_id when 'none' then division_code else facility_id end as place,
        0 as contacts,
        lost_contacts,
        0 as unmapped_contacts
    from lost_contacts
    union all
    select
        month,
        department_code,
        division_code,
        case facility_id when 'none' then division_code else facility_id end as place,
        0 as contacts,
        0.0 as lost_contacts,
        unmapped_contacts
    from unmapped_contacts
),

months as (
    select distinct month from counts
),

-- The area whose rules are in force around a division, where any but what holds everywhere is.
ruled as (
    select
        areas.division_code,
        areas.area,
        months.month,
        row_number() over (partition by areas.division_code, months.month order by areas.nearness desc) as place
    from areas
    cross join months
    inner join policies
        on
            areas.area = policies.area
            and {{ holds_on('policies', 'months.month') }}
),

heard as (
    select
        known.month,
        known.department_code,
        known.division_code,
        known.contacts,
        known.lost_contacts,
        known.unmapped_contacts,
        coalesce(silent_places.contacts_missing, 0) as contacts_missing,
        coalesce(silent_places.reviews_missing, 0) as reviews_missing,
        coalesce(ruled.area, '') as policy_area
    from known
    left join silent_places
        on
            known.month = silent_places.month
            and known.place = silent_places.place
    left join ruled
        on
            known.month = ruled.month
            and known.division_code = ruled.division_code
            and ruled.place = 1
),

placed as (
    {%- for level in ['city', 'county'] %}
    select
        heard.*,
        divisions.{{ level }}_code as placed_in,
        '{{ level }}' as level
    from heard
    inner join divisions on heard.division_code = divisions.division_code
    where divisions.{{ level }}_code is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select
        placed.month,
        placed.department_code,
        placed.placed_in as division_code,
        placed.level,
        cast(sum(
            case when placed.contacts_missing + placed.reviews_missing > 0 then placed.contacts else 0 end
        ) as bigint) as uncovered_contacts,
        cast(sum(placed.lost_contacts) as double) as lost_contacts,
        cast(sum(placed.unmapped_contacts) as bigint) as unmapped_contacts,
        cast(sum(
            case when placed.policy_area = coalesce(own.area, '') then placed.contacts else 0 end
        ) as bigint) as contacts_under_policy,
        nullif(concat_ws(
            ',',
            case when max(placed.contacts_missing) = 1 then 'evaluation.contacts' end,
            case when max(placed.reviews_missing) = 1 then 'evaluation.reviews' end
        ), '') as feeds_missing
    from placed
    left join ruled as own
        on
            placed.month = own.month
            and placed.placed_in = own.division_code
            and own.place = 1
    group by placed.month, placed.department_code, placed.placed_in, placed.level
)

select * from final
