{#- side: what went this way and what arrived -#}
{%- set sides = {
    'bad': ('bad_struck', 'bad_reviews'),
    'other': ('other_struck', 'other_reviews'),
    'peer_bad': ('peer_bad_struck', 'peer_bad_reviews'),
} -%}
with

counts as (
    select * from {{ ref('department_habit_counts') }}
),

departments as (
    select * from {{ ref('dim_department') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
    where area = ''
),

-- What the same month did to the bad reviews of all other departments: an angry resident may write before the case is closed.
beside as (
    select
        counts.*,
        cast(sum(bad_reviews) over (partition by month, habit) - bad_reviews as bigint) as peer_bad_reviews,
        cast(sum(bad_struck) over (partition by month, habit) - bad_struck as bigint) as peer_bad_struck
    from counts
),

rated as (
    select
        beside.*,
        policies.policy,
        policies.version as policy_version,
        policies.habit_struck_min,
        policies.habit_difference_min,
        policies.habit_peer_bad_min,
        {%- for side, (struck, reviews) in sides.items() %}
        {{ ratio('beside.' ~ struck, 'beside.' ~ reviews) }} as {{ side }}_share,
        {{ wilson('beside.' ~ struck, 'beside.' ~ reviews, 'policies.habit_z', 'lo') }} as {{ side }}_share_lo,
        {{ wilson('beside.' ~ struck, 'beside.' ~ reviews, 'policies.habit_z', 'hi') }} as {{ side }}_share_hi
        {{- ',' if not loop.last }}
        {%- endfor %}
    from beside
    left join policies on {{ holds_on('policies', 'beside.month') }}
),

-- Told only where the whole interval of its bad reviews lies above those of its other reviews and of everybody's bad reviews.
told as (
    select
        rated.*,
        case
            when policy is null then 'no_policy'
            when bad_reviews = 0 then 'no_bad_reviews'
            when peer_bad_reviews < habit_peer_bad_min then 'too_few_peers'
        end as null_reason,
        bad_struck >= habit_struck_min
        and bad_share_lo > coalesce(other_share_hi, 0) + habit_difference_min
        and bad_share_lo > peer_bad_share_hi + habit_difference_min
        as is_above
    from rated
),

final as (
    select
        told.month,
        told.department_code,
        departments.name_zh as department_name,
        told.habit,
        told.bad_reviews,
        told.bad_struck,
        told.bad_share,
        told.bad_share_lo,
        told.bad_share_hi,
        told.other_reviews,
        told.other_struck,
        told.other_share,
        told.other_share_hi,
        told.peer_bad_reviews,
        told.peer_bad_struck,
        told.peer_bad_share,
        told.peer_bad_share_hi,
        case when told.null_reason is null then told.is_above end as is_conspicuous,
        told.null_reason as is_conspicuous_null_reason,
        '{"bad": "' || cast(told.bad_struck as string) || '/' || cast(told.bad_reviews as string)
        || '", "others": "' || cast(told.other_struck as string) || '/' || cast(told.other_reviews as string)
        || '", "bad_elsewhere": "' || cast(told.peer_bad_struck as string) || '/' || cast(told.peer_bad_reviews as string)
        || '"}' as evidence,
        told.policy,
        told.policy_version
    from told
    left join departments on told.department_code = departments.department_code
)

select * from final
