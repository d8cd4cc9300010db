{{ config(
    materialized=kept(),
    pre_hook="{{ take_out(in_suspicion_scope()) }}",
    post_hook="{{ say_updated() }}",
) }}
{#- No rule but surge reaches beyond a place and a month (docs/decisions/0014). -#}
{%- set is_updated = is_incremental() -%}
{%- set reach = suspicion_reach() if is_updated else 0 -%}
{%- set days = suspicion_days() if is_updated else none -%}
{%- set unit_day = ['department_code', 'place', 'reviewed_on'] -%}
{{ after('review_delta') }}
with

policies as (
    select * from {{ ref('dim_review_policy') }}
),

hits as (
    select * from {{ ref('review_rule_hits') }}
),

{% if is_updated -%}
touched as (
    {{ suspicion_scope() }}
),

kept as (
    select * from {{ this }}
),

{% endif -%}
-- Rule surge. A unit's day with far more reviews and far more five stars than the same unit's days before: either alone is
-- a busy or a good day. What the other rules caught is no part of it.
countable_days as (
    select {{ prefixed('judgements', ['review_id', 'level', 'has_comment', 'policy_area', 'policy_from'] + unit_day) }}
    {{ from_countable_reviews(days, before=reach, after=reach) }}
),

unit_days as (
    select
        {{ prefixed('countable_days', unit_day) }},
        count(*) as reviews,
        sum(case when countable_days.level = 5 then 1 else 0 end) as fives,
        max(countable_days.policy_area) as policy_area,
        max(countable_days.policy_from) as policy_from
    from countable_days
    left join hits on countable_days.review_id = hits.review_id
    where hits.review_id is null
    group by {{ prefixed('countable_days', unit_day) }}
),

habits as (
    select
        {{ prefixed('busy', unit_day) }},
        busy.reviews,
        cast(busy.fives as double) / busy.reviews as five_share,
        max(policies.surge_volume_z) as volume_z,
        max(policies.surge_rating_z) as rating_z,
        avg(cast(usual.reviews as double)) as usual_reviews,
        greatest(
            avg(cast(usual.reviews as double) * usual.reviews)
            - avg(cast(usual.reviews as double)) * avg(cast(usual.reviews as double)),
            -- No unit is more regular than chance.
            avg(cast(usual.reviews as double))
        ) as usual_variance,
        cast(sum(usual.reviews) as double) as baseline_reviews,
        (2 * sum(usual.fives) + 1) / (2 * sum(usual.reviews) + 2) as usual_five_share
    from unit_days as busy
    {{ judged_by('busy') }}
    inner join unit_days as usual
        on
            {{ same('busy', 'usual', ['department_code', 'place']) }}
            and busy.reviews >= policies.surge_min_reviews
            and busy.reviewed_on > usual.reviewed_on
            and {{ days_between('usual.reviewed_on', 'busy.reviewed_on') }} <= policies.surge_baseline_days
    {%- if is_updated %}
    inner join touched
        on
            busy.place = touched.place
            and busy.reviewed_on >= touched.from_day
            and busy.reviewed_on <= {{ add_days('touched.to_day', reach) }}
    {%- endif %}
    group by {{ prefixed('busy', unit_day) }}, busy.reviews, busy.fives
    having count(*) >= max(policies.surge_baseline_days_min)
),

caught_in_surge as (
    select
        countable_days.review_id,
        'surge' as rule,
        '{"reviews": ' || cast(habits.reviews as string)
        || ', "usual_reviews": ' || {{ fixed_digits('habits.usual_reviews', 1) }}
        || ', "five_star_share": ' || {{ fixed_digits('habits.five_share', 3) }}
        || ', "usual_five_star_share": ' || {{ fixed_digits('habits.usual_five_share', 3) }} || '}' as evidence
    from habits
    inner join countable_days
        on
            {{ same('habits', 'countable_days', unit_day) }}
            and not countable_days.has_comment
            and countable_days.level = 5
    where
        habits.reviews - habits.usual_reviews > habits.volume_z * sqrt(habits.usual_variance)
        and habits.five_share - habits.usual_five_share > habits.rating_z * sqrt(
            habits.usual_five_share * (1 - habits.usual_five_share) * (1 / habits.reviews + 1 / habits.baseline_reviews)
        )
),

caught as (
    select
        review_id,
        rule,
        evidence
    from hits
    union all
    select
        caught_in_surge.review_id,
        caught_in_surge.rule,
        caught_in_surge.evidence
    from caught_in_surge
    left join hits on caught_in_surge.review_id = hits.review_id
    where hits.review_id is null
),

final as (
    select
        caught.review_id,
        caught.rule,
        caught.evidence,
        judgements.place,
        judgements.reviewed_on,
        judgements.counted_month,
        judgements.department_code,
        judgements.service_item_code,
        judgements.division_code,
        judgements.facility_id,
        judgements.contact_channel,
        judgements.level,
        judgements.verdict,
        judgements.is_strictly_good,
        judgements.points
    from caught
    inner join {{ ref('review_judgements') }} as judgements on caught.review_id = judgements.review_id
    {{ of_touched_places(days, after=reach) }}
    {%- if is_updated %}
    left join kept on caught.review_id = kept.review_id
    where kept.review_id is null
    {%- endif %}
)

select * from final
