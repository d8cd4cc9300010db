{#-
  CTEs up to `caught_by_reviewer`. One reviewer at one window more often in a day than anybody is served there.
  `days`: see suspicion_days.
-#}
{% macro same_reviewer_rule(days) -%}
{%- set reviewer_day = ['reviewer_key', 'place', 'window_no', 'reviewed_on'] -%}
named_reviews as (
    select {{ prefixed('judgements', ['review_id', 'policy_area', 'policy_from'] + reviewer_day) }}
    {{ from_countable_reviews(days) }}
        and judgements.reviewer_key is not null
        and judgements.window_no is not null
),

frequent_reviewers as (
    select reviewer_key
    from named_reviews
    group by reviewer_key
    having count(*) > (select min(policies.reviewer_daily_limit) from policies)
),

reviewer_days as (
    select
        {{ prefixed('named_reviews', reviewer_day) }},
        count(*) as reviews
    from named_reviews
    inner join frequent_reviewers on named_reviews.reviewer_key = frequent_reviewers.reviewer_key
    {{ judged_by('named_reviews') }}
    group by {{ prefixed('named_reviews', reviewer_day) }}
    having count(*) > max(policies.reviewer_daily_limit)
),

caught_by_reviewer as (
    select
        named_reviews.review_id,
        named_reviews.place,
        named_reviews.reviewed_on,
        'same_reviewer' as rule,
        3 as priority,
        '{"reviews": ' || cast(reviewer_days.reviews as string) || '}' as evidence
    from reviewer_days
    inner join named_reviews on {{ same('reviewer_days', 'named_reviews', reviewer_day) }}
)
{%- endmacro %}
