{%- set parameters = [
    'points_5', 'points_4', 'points_3', 'points_2', 'points_1',
    'good_level_min', 'strict_good_level_min', 'bad_level_max',
    'review_window_days', 'rectification_days', 'rectification_counts_workdays',
    'burst_gap_seconds', 'burst_min_reviews', 'reviewer_daily_limit',
    'interval_z', 'good_line', 'bad_line', 'participation_floor',
] -%}
with

settings as (
    select * from {{ ref('review_policies') }}
),

versions as (
    select
        policy,
        version,
        coalesce(area, '') as area,
        valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        {%- for parameter in parameters %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }}{{ ',' if not loop.last }}
        {%- endfor %}
    from settings
    group by policy, version, coalesce(area, ''), valid_from, coalesce(valid_to, cast('9999-12-31' as date))
),

chosen as (
    select * from versions
    where policy = '{{ var("review_policy") }}'
),

base as (
    select * from versions
    where policy = '{{ var("base_policy") }}' and area = ''
),

final as (
    select
        chosen.policy,
        chosen.version,
        chosen.area,
        chosen.valid_from,
        chosen.valid_to,
        {%- for parameter in parameters %}
        coalesce(chosen.{{ parameter }}, base.{{ parameter }}) as {{ parameter }}{{ ',' if not loop.last }}
        {%- endfor %}
    from chosen
    left join base
        on chosen.valid_from between base.valid_from and base.valid_to
)

select * from final
