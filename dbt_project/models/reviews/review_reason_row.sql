with

reasons as (
    select * from {{ ref('review_reason') }}
),

candidates as (
    select * from {{ ref('review_reason_candidates') }}
),

final as (
    select
        candidates.reason_id,
        candidates.review_id
    from candidates
    inner join reasons on candidates.reason_id = reasons.reason_id
)

select * from final
