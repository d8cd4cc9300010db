-- 记分卡每行的计数相加无误，凡每个办件只属一个单位的类别合计等于全期；得分等于各部分之和，界限、名次、权重都不越界。
-- · Counts add up in every row of the scorecard, and every kind of unit that holds each contact once sums to the whole period;
-- the parts of the score sum to it, and no bound, rank or weight says more than it may.
with

scorecard as (
    select * from {{ ref('review_scorecard') }}
),

sums as (
    select
        period_kind,
        period_start,
        dimension,
        sum(contacts) as contacts,
        sum(reviews) as reviews,
        sum(active_reviews) as active_reviews
    from scorecard
    where dimension in ('all', 'department', 'service_item', 'channel', 'facility')
    group by period_kind, period_start, dimension
)

select
    period_kind,
    period_start,
    dimension,
    code
from scorecard
where
    n1 + n2 + n3 + n4 + n5 <> active_reviews
    or default_reviews + invalid_reviews + suspect_reviews + active_reviews <> reviews
    or invalid_before_close + invalid_contact_open + invalid_after_window + invalid_duplicate + invalid_withdrawn
    + invalid_decided + invalid_no_contact + invalid_other <> invalid_reviews
    or excluded_bad_decided > excluded_bad
    or excluded_bad_decided_outside > excluded_bad_decided
    or corrected_reviews > good_reviews
    or excluded_bad > excluded_reviews
    or excluded_bad_counted not between 0 and excluded_bad
    or good_rate_if_counted > good_rate + 1e-12
    or (verdict = 'good' and verdict_if_counted <> 'good')
    or good_reviews + bad_reviews > active_reviews
    or active_reviews > contacts
    or named_bad_accepted > bad_accepted
    or bad_on_time > bad_in_on_time_base
    or bad_in_on_time_base > bad_accepted
    or good_rate_rank not between good_rate_rank_lo and good_rate_rank_hi
    or good_rate_rank_hi > units_ranked
    or good_rate_change not between good_rate_change_lo and good_rate_change_hi
    or good_rate_change_p > good_rate_change_p_adjusted + 1e-12
    or abs(
        score_weight_good + score_weight_participation + score_weight_on_time + score_weight_reply + score_weight_revisit - 1
    ) > 1e-9
    or abs(score_good + score_participation + score_on_time + score_reply + score_revisit - score) > 1e-9
    or (good_rate_eb is null) <> (good_rate_eb_null_reason is not null)
    or (good_rate_change is null) <> (good_rate_change_null_reason is not null)
    or (good_rate_change is null) <> (is_real_change is null)
    or (good_rate_rank is null) <> (good_rate_rank_null_reason is not null)
    or (more_reviews_to_decide is null) <> (more_reviews_to_decide_null_reason is not null)
    or (periods_to_decide is null) <> (periods_to_decide_null_reason is not null)
    or (score is null) <> (score_null_reason is not null)
union all
select
    parts.period_kind,
    parts.period_start,
    parts.dimension,
    'all of them' as code
from sums as parts
inner join sums as whole
    on
        parts.period_kind = whole.period_kind
        and parts.period_start = whole.period_start
        and whole.dimension = 'all'
where
    parts.contacts <> whole.contacts
    or parts.reviews <> whole.reviews
    or parts.active_reviews <> whole.active_reviews
