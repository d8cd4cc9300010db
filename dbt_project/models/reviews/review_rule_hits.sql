{{ config(
    materialized=kept(),
    pre_hook="{{ take_out(in_suspicion_scope()) }}",
    post_hook="{{ say_updated() }}",
) }}
{#- A rule here looks at one place and one month of reviews: one that looks further must say so in suspicion_scope. -#}
{%- set is_updated = is_incremental() -%}
{%- set days = suspicion_days() if is_updated else none -%}
{{ after('review_delta') }}
with

policies as (
    select * from {{ ref('dim_review_policy') }}
),

{% if is_updated -%}
touched as (
    {{ suspicion_scope() }}
),

{% endif -%}
{{ burst_rule(days) }},

{{ constant_lag_rule(days) }},

{{ same_reviewer_rule(days) }},

{{ same_case_rule(days) }},

caught as (
    select * from caught_in_burst
    union all
    select * from caught_by_lag
    union all
    select * from caught_by_reviewer
    union all
    select * from caught_by_case
),

ranked as (
    select
        caught.*,
        row_number() over (partition by review_id order by priority, evidence) as first_rule
    from caught
),

final as (
    select
        review_id,
        rule,
        evidence,
        place,
        reviewed_on
    from ranked
    where first_rule = 1
)

select * from final
