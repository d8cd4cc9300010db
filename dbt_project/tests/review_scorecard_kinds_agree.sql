-- Every contact and review belongs to one department, one item and one channel: each kind sums to the whole month.
with

sums as (
    select
        month,
        dimension,
        sum(contacts) as contacts,
        sum(reviews) as reviews,
        sum(active_reviews) as active_reviews
    from {{ ref('review_scorecard') }}
    where dimension in ('all', 'department', 'service_item', 'channel', 'facility')
    group by month, dimension
)

select
    parts.month,
    parts.dimension
from sums as parts
inner join sums as whole
    on
        parts.month = whole.month
        and whole.dimension = 'all'
where
    parts.contacts <> whole.contacts
    or parts.reviews <> whole.reviews
    or parts.active_reviews <> whole.active_reviews
