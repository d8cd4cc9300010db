{#-
  CTEs up to `caught_by_case`. One case reviewed at one place more often in a month than its visits can explain: whoever sends a contact for
  each step of a case has each of them praised. Those beyond the policy's limit are caught, in the order of their contacts.
  `days`: see suspicion_days.
-#}
{% macro same_case_rule(days) -%}
-- Contacts of a case are numbered from 1, so that only a case with a higher number than the limit can have more of them.
cases_of_many as (
    select distinct judgements.case_no
    {{ from_countable_reviews(days) }}
        and judgements.contact_no > (select min(policies.case_monthly_limit) from policies)
),

case_reviews as (
    select
        {{ prefixed('judgements', ['review_id', 'policy_area', 'policy_from', 'reviewed_on', 'place']) }},
        count(*) over (
            partition by judgements.case_no, judgements.place, {{ month_start('judgements.reviewed_on') }}
        ) as reviews,
        row_number() over (
            partition by judgements.case_no, judgements.place, {{ month_start('judgements.reviewed_on') }}
            order by judgements.contact_no, judgements.review_id
        ) as nth_of_month
    {{ from_countable_reviews(days) }}
        and judgements.case_no in (select cases_of_many.case_no from cases_of_many)
),

caught_by_case as (
    select
        case_reviews.review_id,
        case_reviews.place,
        case_reviews.reviewed_on,
        'same_case' as rule,
        4 as priority,
        '{"reviews": ' || cast(case_reviews.reviews as string) || '}' as evidence
    from case_reviews
    {{ judged_by('case_reviews') }}
    where case_reviews.nth_of_month > policies.case_monthly_limit
)
{%- endmacro %}
