with

judgements as (
    select * from {{ ref('review_judgements') }}
),

refusals as (
    select * from {{ ref('review_refusals') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

final as (
    select distinct judgements.contact_id
    from judgements
    {{ judged_by('judgements', join='left') }}
    where
        judgements.review_no = 1
        and judgements.contact_id is not null
        and judgements.validity <> 'duplicate'
        and (judgements.validity <> 'default' or judgements.level <> policies.silence_level)
        and (
            judgements.validity = 'valid'
            or coalesce(least(judgements.level, judgements.worst_level) <= policies.bad_level_max, true)
        )
    union distinct
    select contact_id
    from refusals
    where review_no = 1 and contact_id is not null
)

select * from final
