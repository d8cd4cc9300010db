-- Every rate lies in its interval and from 0 to 1; it is null exactly where a reason stands beside it.
{%- set rates = [
    'participation_rate', 'good_rate', 'strictly_good_rate', 'bad_rate', 'good_rate_all_contacts', 'not_reviewed_share',
    'rectification_rate', 'on_time_rate', 'reply_rate', 'revisit_rate', 'second_satisfaction_rate',
] %}
{% for rate in rates %}
select
    month,
    dimension,
    code,
    '{{ rate }}' as rate
from {{ ref('review_scorecard') }}
where
    {{ rate }} not between {{ rate }}_lo and {{ rate }}_hi
    or {{ rate }}_lo < 0
    or {{ rate }}_hi > 1
    or ({{ rate }} is null) <> ({{ rate }}_null_reason is not null)
    or ({{ rate }} is null) <> ({{ rate }}_lo is null)
{{ 'union all' if not loop.last }}
{% endfor %}
