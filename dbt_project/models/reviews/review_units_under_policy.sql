{%- set limits = [
    'good_line', 'bad_line', 'participation_floor', 'min_reviews', 'interval_z', 'false_discovery_rate', 'prior_units_min',
    'decided_share_max', 'periods_to_decide_max',
    'rectification_rate_target', 'reply_rate_target', 'revisit_rate_target',
    'weight_good', 'weight_participation', 'weight_on_time', 'weight_reply', 'weight_revisit',
] -%}
with

units as (
    select * from {{ ref('review_units') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
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

named as (
    select
        units.*,
        coalesce(unit_division.division_code, '') as placed_in,
        coalesce(
            unit_division.full_name, unit_department.name_zh, unit_item.name_zh, unit_channel.name_zh, unit_facility.name
        ) as name_zh,
        -- Who a unit stands beside: divisions of one parent, facilities of one type, halls, every department, item or channel.
        case
            when units.code in ('unknown', 'none') then null
            when units.dimension = 'facility' then coalesce(unit_facility.facility_type, 'hall')
            when unit_division.division_code is not null then coalesce(unit_division.parent_code, 'all')
            else 'all'
        end as peer_group,
        {{ add_months(
            'units.period_start', "case units.period_kind when 'month' then -1 when 'quarter' then -3 else -12 end"
        ) }} as previous_start
    from units
    left join divisions as unit_division
        on
            units.code = unit_division.division_code
            and units.dimension = unit_division.level
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
),

places as (
    select
        placed_in,
        last_month as on_day
    from named
    union distinct
    select
        placed_in,
        period_start as on_day
    from named
),

-- A period is read under the policy in force on the first day of its last month: a division's by the nearest area's, any
-- other unit's by the one that holds everywhere.
placed_policies as (
    {{ in_force('places', 'policies', key=['placed_in', 'on_day'], day='on_day', division='placed_in') }}
),

final as (
    select
        named.period_kind,
        named.period_start,
        named.period_end,
        named.months_counted,
        named.dimension,
        named.code,
        {%- for count in review_count_columns() %}
        named.{{ count }},
        {%- endfor %}
        named.contacts - named.active_reviews as not_reviewed,
        named.name_zh,
        named.peer_group,
        policies.policy,
        policies.version as policy_version,
        policies.area as policy_area,
        -- Each review was judged by the policy of its own day; these lines are those of the last.
        case
            when policies.policy is not null
                then
                    policies.valid_to < named.period_end
                    or coalesce(first_policies.area <> policies.area, true)
                    or first_policies.valid_from <> policies.valid_from
        end as policy_changed_in_period,
        {%- for limit in limits %}
        policies.{{ limit }},
        {%- endfor %}
        case when policies.policy is not null then {{ excluded_bad_counted('named', 'policies') }} end as excluded_bad_counted,
        case when policies.policy is not null then previous.active_reviews end as previous_active_reviews,
        case when policies.policy is not null then previous.good_reviews end as previous_good_reviews
    from named
    left join placed_policies as policies
        on
            named.placed_in = policies.placed_in
            and named.last_month = policies.on_day
    left join placed_policies as first_policies
        on
            named.placed_in = first_policies.placed_in
            and named.period_start = first_policies.on_day
    left join units as previous
        on
            named.period_kind = previous.period_kind
            and named.previous_start = previous.period_start
            and named.dimension = previous.dimension
            and named.code = previous.code
            and named.code not in ('unknown', 'none')
)

select * from final
