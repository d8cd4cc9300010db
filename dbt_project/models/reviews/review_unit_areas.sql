{%- set dimensions = review_unit_columns('counts', 'divisions') -%}
with

counts as (
    select * from {{ ref('review_counts') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
    where area <> ''
),

areas as (
    select * from {{ ref('review_policy_areas') }}
),

periods as (
    select distinct
        period_kind,
        period_start,
        period_end,
        last_month
    from {{ ref('review_units') }}
),

around as (
    select
        division_code,
        area,
        nearness
    from areas
    union all
    select distinct
        'unknown' as division_code,
        'unknown' as area,
        0 as nearness
    from areas
),

kinds as (
    {{ review_unit_kinds(dimensions) }}
),

units_of_counts as (
    select
        counts.month,
        kinds.dimension,
        {{ review_unit_code(dimensions) }} as code,
        counts.division_code,
        counts.contacts
    from counts
    left join divisions on counts.division_code = divisions.division_code
    cross join kinds
    where counts.contacts > 0 and counts.division_code in (select around.division_code from around)
),

placed as (
    select
        month,
        dimension,
        code,
        division_code,
        sum(contacts) as contacts
    from units_of_counts
    where code is not null
    group by month, dimension, code, division_code
),

in_periods as (
    select
        periods.period_kind,
        periods.period_start,
        periods.last_month,
        placed.dimension,
        placed.code,
        placed.division_code,
        sum(placed.contacts) as contacts
    from placed
    inner join periods on placed.month between periods.period_start and periods.period_end
    group by
        periods.period_kind, periods.period_start, periods.last_month, placed.dimension, placed.code, placed.division_code
),

months as (
    select distinct last_month from periods
),

-- The areas in force around a division, the nearest first.
areas_in_force as (
    select
        around.division_code,
        months.last_month,
        around.area,
        around.nearness,
        policies.area_share_min,
        row_number() over (partition by around.division_code, months.last_month order by around.nearness desc) as place
    from around
    cross join months
    left join policies
        on
            around.area = policies.area
            and {{ holds_on('policies', 'months.last_month') }}
    where policies.area is not null or around.area = 'unknown'
),

final as (
    select
        in_periods.period_kind,
        in_periods.period_start,
        in_periods.dimension,
        in_periods.code,
        areas_in_force.area,
        cast(areas_in_force.nearness as bigint) as nearness,
        areas_in_force.area_share_min,
        cast(sum(in_periods.contacts) as bigint) as contacts_inside,
        cast(sum(
            case when areas_in_force.place = 1 and areas_in_force.area <> 'unknown' then in_periods.contacts else 0 end
        ) as bigint) as contacts_judged
    from in_periods
    inner join areas_in_force
        on
            in_periods.division_code = areas_in_force.division_code
            and in_periods.last_month = areas_in_force.last_month
    group by
        in_periods.period_kind,
        in_periods.period_start,
        in_periods.dimension,
        in_periods.code,
        areas_in_force.area,
        areas_in_force.nearness,
        areas_in_force.area_share_min
)

select * from final
