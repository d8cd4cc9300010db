{#- part of the score: its value of 100 in this model; its weight is the row of policies/scorecard_weights.csv -#}
{#- What few said, or too few of those who were served, is no measurement of what residents think. -#}
{%- set parts = {
    'reviews': 'case when active_reviews >= min_reviews and participation_rate_if_counted >= participation_floor then 100 * '
        ~ ratio(ranked_good(), ranked_reviews()) ~ ' end',
    'participation': '100 * participation_rate_if_counted',
    'coverage': '100 * covered_share',
    'loop': '100 * ' ~ ratio('bad_on_time', '(bad_in_on_time_base + ' ~ bad_outside_loop() ~ ')'),
    'survey': 'survey_mean',
    'timeliness': '100 * timely_share',
    'quality': '100 * accepted_share',
} -%}
{#- what decides a verdict, a part or the score -#}
{%- set limits = [
    'interval_z', 'good_line', 'bad_line', 'participation_floor', 'min_reviews', 'coverage_min', 'score_weight_min',
] -%}
{%- set covered_share = ratio('covered_contacts', '(contacts + lost_contacts + unmapped_contacts)') -%}
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

weight_rows as (
    select * from {{ ref('scorecard_weights') }}
),

{{ chosen_settings('weight_rows', 'part', 'weight') }},

{{ inherited_versions('part') }},

{{ nearest_versions('part', base_fills_in=true) }},

-- An area names the weights that it changes; the rest is the wider areas', and the base policy's where nobody else speaks.
weights as (
    select
        case when own_version is null then '{{ var("base_policy") }}' else '{{ var("review_policy") }}' end as policy,
        coalesce(own_version, max(version)) as version,
        for_area as area,
        from_day as valid_from,
        to_day as valid_to,
        {%- for part in parts %}
        coalesce(max(case when part = '{{ part }}' then value end), 0.0) as weight_{{ part }}{{ ',' if not loop.last }}
        {%- endfor %}
    from nearest
    where place = 1 and (own_version is not null or for_area = '')
    group by own_version, for_area, from_day, to_day
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

{{ verdict_quantiles() }},

weights_in_force as (
    {{ in_force('places', 'weights', key=['month', 'division_code'], day='month', division='division_code') }}
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
        policies.area as policy_area,
        {%- for limit in limits %}
        policies.{{ limit }},
        {%- endfor %}
        case when policies.policy is not null then {{ excluded_bad_counted('months', 'policies') }} end as excluded_bad_counted,
        case when policies.policy is not null then {{ design_effect('months', 'policies') }} end as design_effect,
        verdict_quantiles.verdict_z,
        case
            when policies.policy is not null then {{ design_effect('months', 'policies', 'verdict_quantiles.verdict_z') }}
        end as verdict_design_effect,
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
    left join verdict_quantiles
        on
            policies.area = verdict_quantiles.area
            and policies.valid_from = verdict_quantiles.valid_from
            and verdict_quantiles.period_kind = 'month'
    left join weights_in_force as weights
        on
            months.month = weights.month
            and months.division_code = weights.division_code
),

-- Where too few contacts are covered by the files that came, silence may be the sender's.
heard as (
    select
        known.*,
        {{ covered_share }} as covered_share,
        feeds_missing is null
        or coalesce({{ covered_share }} >= coverage_min, false) as is_heard
    from known
),

rated as (
    select
        heard.*,
        {{ ratio('active_reviews', '(case when is_heard then contacts else 0 end)') }} as participation_rate,
        {{ ratio('good_reviews', 'active_reviews') }} as good_rate,
        {{ wilson(effective('good_reviews'), effective('active_reviews'), 'interval_z', 'lo') }} as good_rate_lo,
        {{ wilson(effective('good_reviews'), effective('active_reviews'), 'interval_z', 'hi') }} as good_rate_hi,
        {{ ratio('active_reviews', '(case when is_heard then ' ~ contacts_if_counted() ~ ' else 0 end)') }}
            as participation_rate_if_counted,
        {{ ratio(ranked_good(), reviews_if_counted()) }} as good_rate_if_counted,
        {%- for bound in ['lo', 'hi'] %}
        {{ verdict_bound('good_reviews', 'active_reviews', bound) }} as verdict_{{ bound }},
        {{ verdict_bound(ranked_good(), reviews_if_counted(), bound) }} as good_rate_if_counted_{{ bound }},
        {%- endfor %}
        {{ ratio('points', 'active_reviews') }} as mean_points,
        {{ ratio('bad_rectified', 'bad_accepted') }} as rectification_rate,
        {{ ratio('bad_on_time', 'bad_in_on_time_base') }} as on_time_rate,
        {{ ratio('bad_replied', 'bad_accepted') }} as reply_rate,
        {{ ratio('named_bad_revisited', 'named_bad_accepted') }} as revisit_rate,
        {{ ratio('timely_feed_days', 'feed_days') }} as timely_share,
        {{ ratio('feed_rows_accepted', 'feed_rows') }} as accepted_share
    from heard
),

reasoned as (
    select
        rated.*,
        {{ review_verdict_reason() }} as reason_counted,
        {{ review_verdict_reason_if_counted() }} as reason_if_counted
    from rated
),

measured as (
    select
        reasoned.*,
        {%- for part, value in parts.items() %}
        {{ value }} as {{ part }}_part,
        {%- endfor %}
        {{ verdict(reason_of_both('reason_counted', 'reason_if_counted')) }} as review_verdict,
        {{ verdict('reason_if_counted') }} as review_verdict_if_counted
    from reasoned
),

-- What the departments of a month whose residents were heard have at least, part by part.
least_measured as (
    select
        month,
        level,
        {%- for part in parts %}
        min({{ part }}_part) as least_{{ part }}{{ ',' if not loop.last }}
        {%- endfor %}
    from measured
    where reviews_part is not null
    group by month, level
),

weighed as (
    select
        measured.*,
        {%- for part in parts %}
        least_measured.least_{{ part }},
        {%- endfor %}
        -- Weights that add to one do not add to a hair more; engines add in another order.
        round(
            {% for part in parts -%}
            case when measured.{{ part }}_part is null then 0.0 else measured.weight_{{ part }} end
            {{- ' + ' if not loop.last }}
            {% endfor -%}, 12
        ) as weight_present
    from measured
    left join least_measured
        on
            measured.month = least_measured.month
            and measured.level = least_measured.level
),

-- A part that was not measured counts as the least that was measured of anybody, so that what nobody knows lifts no unit above
-- one of which it is known; what was measured of nobody that month is left out for all.
scored as (
    select
        weighed.*,
        {%- for part in parts %}
        case
            when {{ part }}_part is null and weight_present >= score_weight_min - 1e-9 then least_{{ part }}
        end as assumed_{{ part }},
        {%- endfor %}
        round(
            {% for part in parts -%}
            case when coalesce({{ part }}_part, least_{{ part }}) is null then 0.0 else weight_{{ part }} end
            {{- ' + ' if not loop.last }}
            {% endfor -%}, 12
        ) as weight_counted
    from weighed
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
            when weight_present >= score_weight_min - 1e-9
                then
                    round((
                        {%- for part in parts %}
                        weight_{{ part }} * coalesce({{ part }}_part, assumed_{{ part }}, 0.0){{ ' +' if not loop.last }}
                        {%- endfor %}
                    ) / weight_counted, 12)
        end as score,
        case
            when weights_policy is null then 'no_weights'
            when policy is null then 'no_policy'
            when weight_present < score_weight_min - 1e-9 then 'too_little_measured'
        end as score_null_reason,
        nullif(concat_ws(
            ','
            {%- for part in parts %},
            case when {{ part }}_part is null then '{{ part }}' end
            {%- endfor %}
        ), '') as missing_parts,
        weight_present,
        weight_counted,
        score_weight_min,
        {%- for part in parts %}
        {{ part }}_part,
        assumed_{{ part }},
        weight_{{ part }},
        {%- endfor %}
        case
            when reviews_part is not null then null
            when policy is null then 'no_policy'
            when active_reviews = 0 then 'no_active_reviews'
            when active_reviews < min_reviews then 'too_few_reviews'
            when not is_heard then 'feeds_missing'
            else 'too_few_took_part'
        end as reviews_part_null_reason,
        contacts,
        active_reviews,
        participation_rate,
        case
            when not is_heard then 'feeds_missing'
            when contacts = 0 then 'no_contacts'
        end as participation_rate_null_reason,
        covered_contacts,
        lost_contacts,
        unmapped_contacts,
        covered_share,
        feeds_missing,
        good_reviews,
        bad_reviews,
        suspect_reviews,
        excluded_reviews,
        excluded_bad,
        excluded_bad_counted,
        good_rate,
        good_rate_lo,
        good_rate_hi,
        case when good_rate is not null then design_effect end as design_effect,
        mean_points,
        corrected_reviews,
        cast({{ moved_reviews() }} as bigint) as moved_reviews,
        {{ contacts_if_counted() }} as contacts_if_counted,
        participation_rate_if_counted,
        good_rate_if_counted,
        verdict_z,
        verdict_lo,
        verdict_hi,
        review_verdict,
        review_verdict_if_counted,
        bad_accepted,
        bad_in_on_time_base,
        rectification_rate,
        on_time_rate,
        reply_rate,
        named_bad_accepted,
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
        policy_area,
        contacts_under_policy,
        case when policy is not null then contacts_under_policy < contacts end as policy_is_mixed,
        weights_policy,
        weights_version,
        weights_area
    from scored
)

select * from final
