{%- set counts = review_count_columns() -%}
{%- set rates = review_rates() -%}
{#-
  part of the composite score: what it is made of; its weight is the policy's weight_<part>. Every bad review that arrived is bad
  here, and one outside the loop is one that nobody handled: leaving it out raises nothing.
-#}
{%- set parts = {'good': ratio(ranked_good(), ranked_reviews()), 'participation': 'participation_rate_if_counted'} -%}
{%- for part in ['on_time', 'reply', 'revisit'] -%}
    {%- set done, base, reason = rates[part ~ '_rate'] -%}
    {%- do parts.update({part: ratio(done, '(' ~ base ~ ' + ' ~ bad_outside_loop() ~ ')')}) -%}
{%- endfor -%}
{#- Who says of nobody that he is known has nobody to visit: that is no better than the least that its peers do. -#}
{%- do parts.update({
    'revisit': 'coalesce(' ~ parts['revisit']
        ~ ', case when bad_accepted > 0 then min(case when is_compared then ' ~ parts['revisit']
        ~ ' end) over (partition by period_kind, period_start, dimension, peer_group) end)',
}) -%}
{%- set targets = ['rectification_rate', 'reply_rate', 'revisit_rate'] -%}
{#- what comparing a unit with its peers and with itself adds to its figures -#}
{%- set compared = [
    'is_compared', 'units_ranked', 'peer_rate', 'prior_reviews', 'place', 'surely_better', 'surely_worse', 'good_rate_change',
    'good_rate_change_lo', 'good_rate_change_hi', 'good_rate_change_p', 'good_rate_change_p_adjusted',
] -%}
{#- what the verdict's words quote besides the rates -#}
{%- set shares_in_words = [
    'verdict_lo', 'verdict_hi', 'good_line', 'bad_line', 'participation_floor', 'good_rate_with_suspects',
    'covered_share', 'good_rate_if_counted',
] -%}
{%- set heard_contacts = '(case when units.is_heard then units.contacts else 0 end)' -%}
{%- set covered_share = ratio('covered_contacts', '(contacts + lost_contacts + unmapped_contacts)') -%}
with

units as (
    select * from {{ ref('review_units_under_policy') }}
),

comparisons as (
    select * from {{ ref('review_comparisons') }}
),

-- Where too few contacts are covered by the files that came, silence may be the sender's: nothing is said of who took part.
heard as (
    select
        units.*,
        {{ covered_share }} as covered_share,
        feeds_missing is null
        or coalesce({{ covered_share }} >= coverage_min, false) as is_heard
    from units
),

rated as (
    select
        units.*,
        {%- for rate, (numerator, denominator, reason) in rates.items() %}
        {%- set n = heard_contacts if denominator == 'contacts' else 'units.' ~ denominator %}
        {{ ratio('units.' ~ numerator, n) }}
            as {{ rate }},
        {%- set k, of = 'units.' ~ numerator, n %}
        {%- if denominator == 'active_reviews' %}{% set k, of = effective(k), effective(of) %}{% endif %}
        {{ wilson(k, of, 'units.interval_z', 'lo') }} as {{ rate }}_lo,
        {{ wilson(k, of, 'units.interval_z', 'hi') }} as {{ rate }}_hi,
        case
            {%- if denominator == 'contacts' %}
            when not units.is_heard then 'feeds_missing'
            {%- endif %}
            when units.{{ denominator }} = 0 then '{{ reason }}'
        end as {{ rate }}_null_reason,
        {%- endfor %}
        {{ ratio(
            'units.good_reviews + units.suspect_good_reviews', '(units.active_reviews + units.suspect_reviews)'
        ) }} as good_rate_with_suspects,
        {{ ratio(ranked_good(), reviews_if_counted()) }} as good_rate_if_counted,
        {{ ratio('active_reviews', '(case when is_heard then ' ~ contacts_if_counted() ~ ' else 0 end)') }}
            as participation_rate_if_counted,
        {%- for bound in ['lo', 'hi'] %}
        {{ verdict_bound('good_reviews', 'active_reviews', bound) }} as verdict_{{ bound }},
        {{ verdict_bound(ranked_good(), reviews_if_counted(), bound) }} as good_rate_if_counted_{{ bound }},
        {%- endfor %}
        {{ ratio('units.n1 + 2 * units.n2 + 3 * units.n3 + 4 * units.n4 + 5 * units.n5', 'units.active_reviews') }} as mean_level,
        {{ ratio('units.points', 'units.active_reviews') }} as mean_points,
        {%- for column in compared %}
        comparisons.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from heard as units
    inner join comparisons
        on
            units.period_kind = comparisons.period_kind
            and units.period_start = comparisons.period_start
            and units.dimension = comparisons.dimension
            and units.code = comparisons.code
),

reasoned as (
    select
        rated.*,
        {%- for part, value in parts.items() %}
        {{ value }} as part_{{ part }},
        {%- endfor %}
        {{ review_verdict_reason() }} as reason_counted,
        {{ review_verdict_reason_if_counted() }} as reason_if_counted
    from rated
),

judged as (
    select
        reasoned.*,
        {{ reason_of_both('reason_counted', 'reason_if_counted') }} as verdict_reason,
        {{ verdict('reason_if_counted') }} as verdict_if_counted,
        {{ reviews_that_decide(
            'good_rate', 'good_line', 'bad_line', '(verdict_z * sqrt(verdict_design_effect))'
        ) }} as reviews_that_decide,
        {% for part in parts -%}
        case when part_{{ part }} is null then 0.0 else weight_{{ part }} end
        {{- ' + ' if not loop.last }}
        {% endfor -%}
        as weight_present
    from reasoned
),

-- How many more it takes, beside how many the period has left; periods like this one, where it has not enough.
reached as (
    select
        judged.*,
        {{ verdict('verdict_reason') }} as verdict,
        case
            when verdict_reason in ('too_few_reviews', 'interval_crosses_a_line') and reviews_that_decide is not null
                then greatest(reviews_that_decide, min_reviews, active_reviews + 1)
        end as reviews_needed
    from judged
),

concluded as (
    select
        reached.*,
        case
            when reviews_needed <= contacts then cast(reviews_needed - active_reviews as bigint)
        end as more_reviews_to_decide,
        {{ periods_to_decide() }} as periods_to_decide,
        {%- for part in parts %}
        case
            when good_rate is null or policy is null or not is_heard or dimension = 'department' then null
            when part_{{ part }} is null then 0.0
            else weight_{{ part }} / weight_present
        end as share_{{ part }},
        {%- endfor %}
        {%- for rate in rates %}
        {{ show_share(rate) }} as {{ rate }}_text,
        {%- endfor %}
        {%- for share in shares_in_words %}
        {{ show_share(share) }} as {{ share }}_text{{ ',' if not loop.last }}
        {%- endfor %}
    from reached
),

final as (
    select
        period_kind,
        period_start,
        period_end,
        case when period_kind = 'month' then period_start end as month,
        months_counted,
        period_end < {{ run_month() }} as is_complete,
        dimension,
        code,
        name_zh,
        peer_group,
        -- Filled where the release hides a row; the warehouse hides nothing.
        cast(null as string) as suppressed_reason,
        {%- for count in counts if count not in ('suspect_good_reviews', 'moved_bad', 'points') %}
        {{ count }},
        {%- endfor %}
        {%- for rate in rates %}
        {{ rate }},
        {{ rate }}_lo,
        {{ rate }}_hi,
        {{ rate }}_text,
        {{ rate }}_null_reason,
        {%- endfor %}
        covered_contacts,
        lost_contacts,
        unmapped_contacts,
        covered_share,
        case when contacts + lost_contacts + unmapped_contacts = 0 then 'no_contacts' end as covered_share_null_reason,
        feeds_missing,
        good_rate_with_suspects,
        good_rate_with_suspects - good_rate as suspect_effect,
        excluded_bad_counted,
        cast({{ moved_reviews() }} as bigint) as moved_reviews,
        {{ contacts_if_counted() }} as contacts_if_counted,
        participation_rate_if_counted,
        good_rate_if_counted,
        good_rate_if_counted_lo,
        good_rate_if_counted_hi,
        good_rate_if_counted - good_rate as excluded_effect,
        verdict_if_counted,
        ({{ ranked_good() }} + prior_reviews * peer_rate) / nullif({{ ranked_reviews() }} + prior_reviews, 0) as good_rate_eb,
        {{ ranked_reviews() }} / nullif({{ ranked_reviews() }} + prior_reviews, 0) as good_rate_eb_own_weight,
        case when prior_reviews is not null then peer_rate end as good_rate_prior,
        prior_reviews as good_rate_prior_reviews,
        case
            when prior_reviews is not null then null
            when policy is null then 'no_policy'
            when active_reviews = 0 then 'no_active_reviews'
            when not is_compared then 'not_a_unit'
            else 'too_few_peers'
        end as good_rate_eb_null_reason,
        case when good_rate is not null then design_effect end as design_effect,
        active_reviews < min_reviews as is_small,
        good_rate_change,
        good_rate_change_lo,
        good_rate_change_hi,
        good_rate_change_p,
        good_rate_change_p_adjusted,
        good_rate_change_p_adjusted <= false_discovery_rate as is_real_change,
        case
            when good_rate_change is not null then null
            when policy is null then 'no_policy'
            when {{ is_no_unit('code') }} then 'not_a_unit'
            when active_reviews = 0 then 'no_active_reviews'
            when previous_active_reviews is null then 'no_previous_period'
            else 'no_active_reviews_before'
        end as good_rate_change_null_reason,
        case when is_compared then place end as good_rate_rank,
        case when is_compared then cast(1 + surely_better as bigint) end as good_rate_rank_lo,
        case when is_compared then cast(units_ranked - surely_worse as bigint) end as good_rate_rank_hi,
        case when is_compared then units_ranked end as units_ranked,
        case
            when is_compared then null
            when policy is null then 'no_policy'
            when {{ is_no_unit('code') }} then 'not_a_unit'
            else 'no_active_reviews'
        end as good_rate_rank_null_reason,
        mean_level,
        mean_points,
        case when active_reviews = 0 then 'no_active_reviews' end as mean_null_reason,
        verdict,
        verdict_reason,
        verdict_lo,
        verdict_hi,
        more_reviews_to_decide,
        {{ no_number_because('more_reviews_to_decide') }} as more_reviews_to_decide_null_reason,
        periods_to_decide,
        {{ no_number_because('periods_to_decide') }} as periods_to_decide_null_reason,
        {{ verdict_sentence('zh') }} as verdict_text_zh,
        {{ verdict_sentence('en') }} as verdict_text_en,
        {%- for part in parts %}
        share_{{ part }} as score_weight_{{ part }},
        100 * share_{{ part }} * coalesce(part_{{ part }}, 0) as score_{{ part }},
        {%- endfor %}
        -- Never a hair above 100 where every part is 1; null stays null, which least() alone would skip.
        case
            when share_good is not null
                then
                    least(100.0, 100 * (
                        {%- for part in parts %}
                        share_{{ part }} * coalesce(part_{{ part }}, 0){{ ' +' if not loop.last }}
                        {%- endfor %}
                    ))
        end as score,
        case
            when dimension = 'department' then 'see_department_scorecard'
            when policy is null then 'no_policy'
            when active_reviews = 0 then 'no_active_reviews'
            when not is_heard then 'feeds_missing'
        end as score_null_reason,
        nullif(concat_ws(
            ','
            {%- for part in parts %},
            case when part_{{ part }} is null then '{{ part }}' end
            {%- endfor %}
        ), '') as score_missing_parts,
        nullif(concat_ws(
            ','
            {%- for rate in targets %},
            case when {{ rate }} < {{ rate }}_target then '{{ rate }}' end
            {%- endfor %}
        ), '') as targets_missed,
        good_line,
        bad_line,
        participation_floor,
        cast(min_reviews as bigint) as min_reviews,
        interval_z,
        verdict_z,
        policy,
        policy_version,
        policy_area,
        cast(contacts_under_policy as bigint) as contacts_under_policy,
        contacts_under_policy < contacts as policy_is_mixed,
        policy_changed_in_period
    from concluded
)

select * from final
