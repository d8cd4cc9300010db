-- 每个率都在其区间内、在 0 到 1 之间；为空时必有原因。没有政策时有率而无区间。小于 1 的比例不显示为 100 %。
-- · Every rate lies in its interval and from 0 to 1; it is null exactly where a reason stands beside it. Without a policy there
-- is a rate and no interval: nobody said how wide. A share below 1 is never shown as 100 %.
{%- set rates = [
    'participation_rate', 'good_rate', 'strictly_good_rate', 'bad_rate', 'good_rate_all_contacts', 'not_reviewed_share',
    'rectification_rate', 'on_time_rate', 'reply_rate', 'revisit_rate', 'second_satisfaction_rate',
] %}
{% for rate in rates %}
select
    period_kind,
    period_start,
    dimension,
    code,
    '{{ rate }}' as rate
from {{ ref('review_scorecard') }}
where
    {{ rate }} not between {{ rate }}_lo and {{ rate }}_hi
    or {{ rate }}_lo < 0
    or {{ rate }}_hi > 1
    or ({{ rate }} is null) <> ({{ rate }}_null_reason is not null)
    or ({{ rate }} is null or policy is null) <> ({{ rate }}_lo is null)
    or ({{ rate }} is null) <> ({{ rate }}_text is null)
    or ({{ rate }} = 1) <> ({{ rate }}_text = '100 %')
    or ({{ rate }} = 0) <> ({{ rate }}_text = '0 %')
{{ 'union all' if not loop.last }}
{% endfor %}
