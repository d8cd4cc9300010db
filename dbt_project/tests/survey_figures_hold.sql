-- 调查各表每行唯一；估计值都在区间内，比例都在 0 到 1 之间；为空必有原因；判定由区间得出。
-- · Survey tables keep their grain; every estimate lies in its interval, every share between 0 and 1; nothing is null without a
-- reason; a verdict follows from its interval.
{{ config(meta={'dagster': {'ref': {'name': 'survey_score'}}}) }}
select
    'survey_score' as found_in,
    concat_ws(' ', wave, area_level, division_code, group_name, group_value, dimension, question_id, wording) as row_key,
    'key twice' as problem
from {{ ref('survey_score') }}
group by wave, area_level, division_code, group_name, group_value, dimension, question_id, wording
having count(*) > 1

union all

select
    'survey_score' as found_in,
    concat_ws(' ', wave, area_level, division_code, group_name, group_value, dimension, question_id, wording) as row_key,
    'an estimate outside its bounds, or null without a reason' as problem
from {{ ref('survey_score') }}
where
    mean not between mean_lo and mean_hi
    or good_share not between good_share_lo - 1e-9 and good_share_hi + 1e-9
    or good_share_lo < 0
    or good_share_hi > 1
    or modelled_mean not between modelled_lo and modelled_hi
    or area_rank not between area_rank_lo and area_rank_hi
    or (mean is null) <> (null_reason is not null)
    or (change is null and change_null_reason is null)
    or (verdict = 'bad' and good_share_hi >= bad_line)
    or (verdict = 'good' and good_share_lo < good_line)

union all

select
    'survey_driver' as found_in,
    concat_ws(' ', wave, outcome) as row_key,
    'shares that do not add up, a key twice, or null without a reason' as problem
from {{ ref('survey_driver') }}
group by wave, outcome
having
    abs(sum(importance) - 1) > 1e-9
    or abs(sum(r2_part) - max(r2)) > 1e-9
    or count(*) <> count(distinct driver)
    or count(case when importance is null and null_reason is null then 1 end) > 0

union all

select
    'survey_diagnostics' as found_in,
    concat_ws(' ', wave, topic, item, category) as row_key,
    'key twice' as problem
from {{ ref('survey_diagnostics') }}
group by wave, topic, item, category
having count(*) > 1
