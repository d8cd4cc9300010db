-- 到达的每条评价各计一次：接收的首次评价在评价数中，其余在被拒收数中。
-- · Every review that arrived is counted, once: a first one among the reviews where the door let it in, else among the refused.
{{ config(meta={'dagster': {'ref': {'name': 'review_counts'}}}) }}
with

counted as (
    select
        coalesce(sum(reviews), 0) as reviews,
        coalesce(sum(refused_reviews), 0) as refused_reviews
    from {{ ref('review_counts') }}
),

judged as (
    select count(*) as reviews
    from {{ ref('review_judgements') }}
    where review_no = 1
),

refused as (
    select count(*) as reviews
    from {{ ref('review_refusals') }}
)

select
    counted.reviews,
    judged.reviews as judged_reviews,
    counted.refused_reviews,
    refused.reviews as refused_at_the_door
from counted
cross join judged
cross join refused
where counted.reviews <> judged.reviews or counted.refused_reviews <> refused.reviews
