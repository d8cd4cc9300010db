{%- set limits = [
    'good_line', 'bad_line', 'participation_floor', 'coverage_min', 'min_reviews', 'interval_z',
    'clusters_min', 'intra_cluster_correlation', 'assumed_design_effect_max', 'false_discovery_rate', 'prior_units_min', 'decided_share_max', 'periods_to_decide_max',
    'rectification_rate_target', 'reply_rate_target', 'revisit_rate_target',
    'weight_good', 'weight_participation', 'weight_on_time', 'weight_reply', 'weight_revisit',
] -%}
with

units as (
    select * from {{ ref('review_units') }}
),

unit_places as (
    select * from {{ ref('review_unit_places') }}
),

unit_areas as (
    select * from {{ ref('review_unit_areas') }}
),

unit_silence as (
    select * from {{ ref('review_unit_silence') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

named as (
    select
        units.*,
        unit_places.placed_in,
        unit_places.name_zh,
        unit_places.peer_group,
        unit_places.contacts_in_areas,
        {{ add_months(
            'units.period_start', "case units.period_kind when 'month' then -1 when 'quarter' then -3 else -12 end"
        ) }} as previous_start
    from units
    inner join unit_places
        on {{ same('units', 'unit_places', ['period_kind', 'period_start', 'dimension', 'code']) }}
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

-- A period is read under the policy in force on the first day of its last month in the nearest area around the unit.
placed_policies as (
    {{ in_force('places', 'policies', key=['placed_in', 'on_day'], day='on_day', division='placed_in') }}
),

{{ verdict_quantiles() }},

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
        named.contacts - coalesce(unit_silence.uncovered_contacts, 0) as covered_contacts,
        coalesce(unit_silence.lost_contacts, 0.0) as lost_contacts,
        coalesce(unit_silence.unmapped_contacts, 0) as unmapped_contacts,
        unit_silence.feeds_missing,
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
        case
            when policies.policy is null then null
            when policies.area = '' then named.contacts - named.contacts_in_areas
            else coalesce(own_area.contacts_judged, 0)
        end as contacts_under_policy,
        {%- for limit in limits %}
        policies.{{ limit }},
        {%- endfor %}
        case when policies.policy is not null then {{ excluded_bad_counted('named', 'policies') }} end as excluded_bad_counted,
        case when policies.policy is not null then {{ design_effect('named', 'policies') }} end as design_effect,
        verdict_quantiles.verdict_z,
        case
            when policies.policy is not null then {{ design_effect('named', 'policies', 'verdict_quantiles.verdict_z') }}
        end as verdict_design_effect,
        case when policies.policy is not null then {{ design_effect('previous', 'policies') }} end as previous_design_effect,
        case when policies.policy is not null then previous.active_reviews end as previous_active_reviews,
        case when policies.policy is not null then previous.good_reviews end as previous_good_reviews
    from named
    left join placed_policies as policies
        on
            named.placed_in = policies.placed_in
            and named.last_month = policies.on_day
    left join verdict_quantiles
        on
            policies.area = verdict_quantiles.area
            and policies.valid_from = verdict_quantiles.valid_from
            and named.period_kind = verdict_quantiles.period_kind
    left join placed_policies as first_policies
        on
            named.placed_in = first_policies.placed_in
            and named.period_start = first_policies.on_day
    left join unit_areas as own_area
        on
            {{ same('named', 'own_area', ['period_kind', 'period_start', 'dimension', 'code']) }}
            and policies.area = own_area.area
    left join unit_silence
        on {{ same('named', 'unit_silence', ['period_kind', 'period_start', 'dimension', 'code']) }}
    left join units as previous
        on
            named.period_kind = previous.period_kind
            and named.previous_start = previous.period_start
            and named.dimension = previous.dimension
            and named.code = previous.code
            and not {{ is_no_unit('named.code') }}
)

select * from final
