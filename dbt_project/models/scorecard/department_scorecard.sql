{#- part of the score: its value of 100 in this model; its weight is the row of policies/scorecard_weights.csv -#}
{%- set parts = {
    'reviews': '100 * good_rate_if_counted',
    'loop': '100 * coalesce(on_time_rate, case when excluded_bad_counted > 0 then 0.0 end)',
    'survey': 'survey_mean',
    'timeliness': '100 * timely_share',
    'quality': '100 * accepted_share',
} -%}
{#- the reviews of the least favourable reading -#}
{%- set reading = '(active_reviews + coalesce(excluded_bad_counted, 0))' -%}
with

months as (
    select * from {{ ref('department_months') }}
),

surveys as (
    select * from {{ ref('department_surveys') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

all_weights as (
    select * from {{ ref('scorecard_weights') }}
),

weights as (
    select
        policy,
        version,
        coalesce(area, '') as area,
        valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        {%- for part in parts %}
        max(case when part = '{{ part }}' then weight end) as weight_{{ part }}{{ ',' if not loop.last }}
        {%- endfor %}
    from all_weights
    where
        policy = '{{ var("review_policy") }}'
        or (policy = '{{ var("base_policy") }}' and coalesce(area, '') = '')
    group by policy, version, coalesce(area, ''), valid_from, coalesce(valid_to, cast('9999-12-31' as date))
),

places as (
    select distinct
        month,
        division_code
    from months
),

policies_in_force as (
    {{ in_force('places', 'policies', key=['month', 'division_code'], day='month', division='division_code') }}
),

-- The weights of the nearest area; those of the base policy where the chosen one says nothing.
weights_in_force as (
    {{ in_force(
        'places', 'weights', key=['month', 'division_code'], day='month', division='division_code', base_fills_in=true
    ) }}
),

known as (
    select
        months.*,
        surveys.survey_wave,
        surveys.survey_answers,
        surveys.survey_mean,
        surveys.survey_mean_lo,
        surveys.survey_mean_hi,
        surveys.survey_is_weighted,
        surveys.survey_verdict,
        policies.policy,
        policies.version as policy_version,
        policies.interval_z,
        policies.good_line,
        policies.bad_line,
        policies.participation_floor,
        policies.min_reviews,
        case when policies.policy is not null then {{ excluded_bad_counted('months', 'policies') }} end as excluded_bad_counted,
        {%- for part in parts %}
        weights.weight_{{ part }},
        {%- endfor %}
        weights.policy as weights_policy,
        weights.version as weights_version,
        weights.area as weights_area
    from months
    left join surveys
        on
            months.month = surveys.month
            and months.department_code = surveys.department_code
            and months.division_code = surveys.division_code
    left join policies_in_force as policies
        on
            months.month = policies.month
            and months.division_code = policies.division_code
    left join weights_in_force as weights
        on
            months.month = weights.month
            and months.division_code = weights.division_code
),

rated as (
    select
        known.*,
        {{ ratio('active_reviews', 'contacts') }} as participation_rate,
        {{ ratio('good_reviews', 'active_reviews') }} as good_rate,
        {{ wilson('good_reviews', 'active_reviews', 'interval_z', 'lo') }} as good_rate_lo,
        {{ wilson('good_reviews', 'active_reviews', 'interval_z', 'hi') }} as good_rate_hi,
        {{ ratio('good_reviews', reading) }} as good_rate_if_counted,
        {{ wilson('good_reviews', reading, 'interval_z', 'lo') }} as good_rate_if_counted_lo,
        {{ wilson('good_reviews', reading, 'interval_z', 'hi') }} as good_rate_if_counted_hi,
        {{ ratio('points', 'active_reviews') }} as mean_points,
        {{ ratio('bad_rectified', 'bad_accepted') }} as rectification_rate,
        {{ ratio('bad_on_time', 'bad_in_on_time_base') }} as on_time_rate,
        {{ ratio('bad_replied', 'bad_accepted') }} as reply_rate,
        {{ ratio('named_bad_revisited', 'named_bad_accepted') }} as revisit_rate,
        {{ ratio('timely_feed_days', 'feed_days') }} as timely_share,
        {{ ratio('feed_rows_accepted', 'feed_rows') }} as accepted_share
    from known
),

reasoned as (
    select
        rated.*,
        {{ review_verdict_reason() }} as reason_counted,
        {{ review_verdict_reason_if_counted() }} as reason_if_counted
    from rated
),

scored as (
    select
        reasoned.*,
        {%- for part, value in parts.items() %}
        {{ value }} as {{ part }}_part,
        {%- endfor %}
        {% for part, value in parts.items() -%}
        case when {{ value }} is null then 0.0 else weight_{{ part }} end
        {{- ' + ' if not loop.last }}
        {% endfor -%}
        as weight_present,
        {{ verdict(reason_of_both('reason_counted', 'reason_if_counted')) }} as review_verdict,
        {{ verdict('reason_if_counted') }} as review_verdict_if_counted
    from reasoned
),

final as (
    select
        month,
        department_code,
        department_name,
        division_code,
        division_name,
        -- Filled where the release hides a row; the warehouse hides nothing.
        cast(null as string) as suppressed_reason,
        level,
        case
            when weight_present > 0
                then (
                    {%- for part in parts %}
                    coalesce(weight_{{ part }} * {{ part }}_part, 0.0){{ ' +' if not loop.last }}
                    {%- endfor %}
                ) / weight_present
        end as score,
        case
            when weights_policy is null then 'no_weights'
            when weight_present = 0 then 'no_part'
        end as score_null_reason,
        nullif(concat_ws(
            ','
            {%- for part in parts %},
            case when {{ part }}_part is null then '{{ part }}' end
            {%- endfor %}
        ), '') as missing_parts,
        weight_present,
        {%- for part in parts %}
        {{ part }}_part,
        weight_{{ part }},
        case
            when {{ part }}_part is null then 0.0
            when weight_present > 0 then weight_{{ part }} / weight_present
        end as share_{{ part }},
        {%- endfor %}
        contacts,
        active_reviews,
        participation_rate,
        good_reviews,
        bad_reviews,
        suspect_reviews,
        excluded_reviews,
        excluded_bad,
        excluded_bad_counted,
        good_rate,
        good_rate_lo,
        good_rate_hi,
        mean_points,
        good_rate_if_counted,
        review_verdict,
        review_verdict_if_counted,
        bad_accepted,
        bad_in_on_time_base,
        rectification_rate,
        on_time_rate,
        reply_rate,
        revisit_rate,
        survey_wave,
        cast(survey_answers as bigint) as survey_answers,
        survey_mean,
        survey_mean_lo,
        survey_mean_hi,
        survey_is_weighted,
        survey_verdict,
        cast(feed_days as bigint) as feed_days,
        timely_share,
        cast(feed_rows as bigint) as feed_rows,
        accepted_share,
        policy,
        policy_version,
        weights_policy,
        weights_version,
        weights_area
    from scored
)

select * from final
