-- Counts that must add up, in every row of the scorecard.
select
    month,
    dimension,
    code
from {{ ref('review_scorecard') }}
where
    n1 + n2 + n3 + n4 + n5 <> active_reviews
    or default_reviews + invalid_reviews + suspect_reviews + active_reviews <> reviews
    or good_reviews + bad_reviews > active_reviews
    or active_reviews > contacts
    or named_bad_accepted > bad_accepted
    or bad_on_time > bad_in_on_time_base
    or bad_in_on_time_base > bad_accepted
