{#- Which units stand beside each other: a kind of unit and the column (or ancestor level) that names the unit. -#}
{%- set kinds = {
    'all': "'all'",
    'province': 'province_code',
    'city': 'city_code',
    'county': 'county_code',
    'town': 'town_code',
    'village': 'village_code',
    'department': 'department_code',
    'service_item': 'service_item_code',
    'channel': 'contact_channel',
    'facility': 'facility_id',
} -%}
{%- set counts = [
    'contacts', 'reviews', 'default_reviews', 'invalid_reviews', 'suspect_reviews', 'active_reviews',
    'n1', 'n2', 'n3', 'n4', 'n5', 'good_reviews', 'strictly_good_reviews', 'bad_reviews', 'suspect_good_reviews',
    'bad_accepted', 'bad_rectified', 'bad_in_on_time_base', 'bad_on_time', 'bad_replied',
    'named_bad_accepted', 'named_bad_revisited', 'second_reviews', 'second_satisfied',
] -%}
{#- rate: numerator, denominator, why the rate is null when the denominator is zero -#}
{%- set rates = {
    'participation_rate': ('active_reviews', 'contacts', 'no_contacts'),
    'good_rate': ('good_reviews', 'active_reviews', 'no_active_reviews'),
    'strictly_good_rate': ('strictly_good_reviews', 'active_reviews', 'no_active_reviews'),
    'bad_rate': ('bad_reviews', 'active_reviews', 'no_active_reviews'),
    'good_rate_all_contacts': ('good_reviews', 'contacts', 'no_contacts'),
    'not_reviewed_share': ('not_reviewed', 'contacts', 'no_contacts'),
    'rectification_rate': ('bad_rectified', 'bad_accepted', 'no_accepted_bad_reviews'),
    'on_time_rate': ('bad_on_time', 'bad_in_on_time_base', 'no_case_due_or_done'),
    'reply_rate': ('bad_replied', 'bad_accepted', 'no_accepted_bad_reviews'),
    'revisit_rate': ('named_bad_revisited', 'named_bad_accepted', 'no_named_bad_reviews'),
    'second_satisfaction_rate': ('second_satisfied', 'second_reviews', 'no_second_reviews'),
} -%}
with

counts as (
    select * from {{ ref('review_counts') }}
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

placed as (
    select
        counts.*,
        {%- for level in ['province', 'city', 'county', 'town', 'village'] %}
        case
            when divisions.division_code is null then 'unknown' else divisions.{{ level }}_code
        end as {{ level }}_code{{ ',' if not loop.last }}
        {%- endfor %}
    from counts
    left join divisions on counts.division_code = divisions.division_code
),

stacked as (
    {%- for kind, unit in kinds.items() %}
    select
        month,
        '{{ kind }}' as dimension,
        {{ unit }} as code,
        {%- for count in counts %}
        cast(sum({{ count }}) as bigint) as {{ count }},
        {%- endfor %}
        sum(points) as points
    from placed
    {%- if kind == 'all' %}
    group by month
    {%- else %}
    where {{ unit }} is not null
    group by month, {{ unit }}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

compared as (
    select
        stacked.*,
        coalesce(
            unit_division.full_name, unit_department.name_zh, unit_item.name_zh, unit_channel.name_zh, unit_facility.name
        ) as name_zh,
        stacked.contacts - stacked.active_reviews as not_reviewed,
        stacked.n1 + 2 * stacked.n2 + 3 * stacked.n3 + 4 * stacked.n4 + 5 * stacked.n5 as level_sum
    from stacked
    left join divisions as unit_division
        on
            stacked.code = unit_division.division_code
            and stacked.dimension = unit_division.level
    left join departments as unit_department
        on
            stacked.code = unit_department.department_code
            and stacked.dimension = 'department'
    left join items as unit_item
        on
            stacked.code = unit_item.service_item_code
            and stacked.dimension = 'service_item'
    left join channels as unit_channel
        on
            stacked.code = unit_channel.code
            and stacked.dimension = 'channel'
    left join facilities as unit_facility
        on
            stacked.code = unit_facility.facility_id
            and stacked.dimension = 'facility'
),

-- A month is read under the policy that held everywhere on its first day.
governed as (
    select
        compared.*,
        policies.policy,
        policies.version as policy_version,
        policies.interval_z,
        policies.good_line,
        policies.bad_line,
        policies.participation_floor
    from compared
    left join policies
        on
            policies.area = ''
            and compared.month between policies.valid_from and policies.valid_to
),

rated as (
    select
        governed.*,
        {%- for rate, (numerator, denominator, reason) in rates.items() %}
        {{ ratio(numerator, denominator) }} as {{ rate }},
        {{ wilson(numerator, denominator, 'interval_z', 'lo') }} as {{ rate }}_lo,
        {{ wilson(numerator, denominator, 'interval_z', 'hi') }} as {{ rate }}_hi,
        case when {{ denominator }} = 0 then '{{ reason }}' end as {{ rate }}_null_reason,
        {%- endfor %}
        {{ ratio('good_reviews + suspect_good_reviews', '(active_reviews + suspect_reviews)') }} as good_rate_with_suspects,
        {{ ratio('level_sum', 'active_reviews') }} as mean_level,
        {{ ratio('points', 'active_reviews') }} as mean_points
    from governed
),

final as (
    select
        month,
        dimension,
        code,
        name_zh,
        -- Filled where the release hides a row; the warehouse hides nothing.
        cast(null as string) as suppressed_reason,
        {%- for count in counts if count != 'suspect_good_reviews' %}
        {{ count }},
        {%- endfor %}
        {%- for rate in rates %}
        {{ rate }},
        {{ rate }}_lo,
        {{ rate }}_hi,
        {{ rate }}_null_reason,
        {%- endfor %}
        good_rate_with_suspects,
        good_rate_with_suspects - good_rate as suspect_effect,
        mean_level,
        mean_points,
        case when active_reviews = 0 then 'no_active_reviews' end as mean_null_reason,
        -- A unit is judged by where its interval lies, never by the point; silence caps the verdict at watch.
        case
            when policy is null or active_reviews = 0 then 'undetermined'
            when good_rate_hi < bad_line then 'bad'
            when good_rate_lo >= good_line and participation_rate >= participation_floor then 'good'
            when good_rate_lo >= good_line then 'watch'
            when good_rate_lo >= bad_line and good_rate_hi < good_line then 'watch'
            else 'undetermined'
        end as verdict,
        case
            when policy is null then 'no_policy'
            when active_reviews = 0 then 'no_active_reviews'
            when good_rate_hi < bad_line then 'surely_below_bad_line'
            when good_rate_lo >= good_line and participation_rate >= participation_floor then 'surely_above_good_line'
            when good_rate_lo >= good_line then 'too_few_took_part'
            when good_rate_lo >= bad_line and good_rate_hi < good_line then 'surely_between_lines'
            else 'interval_crosses_a_line'
        end as verdict_reason,
        good_line,
        bad_line,
        participation_floor,
        interval_z,
        policy,
        policy_version
    from rated
)

select * from final
