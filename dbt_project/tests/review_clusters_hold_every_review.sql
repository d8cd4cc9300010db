-- 每种聚类方式恰好包含计入的评价，含后来更正和现在可疑的。
-- · Each way of grouping reviews into clusters holds just the reviews that count, also what was corrected or is suspected now.
{{ config(meta={'dagster': {'ref': {'name': 'review_clusters'}}}) }}
with

counts as (
    select
        month,
        sum(active_reviews) as active_reviews,
        sum(good_reviews) as good_reviews
    from {{ ref('review_counts') }}
    group by month
),

clusters as (
    select
        month,
        clustered_by,
        sum(reviews) as reviews,
        sum(good) as good
    from {{ ref('review_clusters') }}
    group by month, clustered_by
)

select
    counts.month,
    clusters.clustered_by,
    counts.active_reviews,
    clusters.reviews
from counts
left join clusters on counts.month = clusters.month
where
    counts.active_reviews <> coalesce(clusters.reviews, 0)
    or counts.good_reviews <> coalesce(clusters.good, 0)
