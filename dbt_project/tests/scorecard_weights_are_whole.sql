-- Every version of the weights in an area names every part once, adds to one, and its days leave no gap and do not overlap.
{{ config(meta={'dagster': {'ref': {'name': 'scorecard_weights'}}}) }}
{%- set parts = ['reviews', 'loop', 'survey', 'timeliness', 'quality'] %}
with

divisions as (
    select division_code from {{ ref('division_latest') }}
),

weights as (
    select
        policy || ' ' || version || coalesce(' in ' || area, '') || ' from ' || cast(valid_from as string) as label,
        policy,
        coalesce(area, '') as area,
        valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        part,
        weight
    from {{ ref('scorecard_weights') }}
),

versions as (
    select
        label,
        policy,
        area,
        valid_from,
        min(valid_to) as valid_to,
        max(valid_to) as last_valid_to,
        count(*) as parts,
        {% for part in parts -%}
        max(case when part = '{{ part }}' then 1 else 0 end){{ ' + ' if not loop.last }}
        {%- endfor %} as known_parts,
        sum(weight) as total,
        min(weight) as least
    from weights
    group by label, policy, area, valid_from
),

followed as (
    select
        versions.*,
        lead(valid_from) over (partition by policy, area order by valid_from, label) as next_from
    from versions
),

problems as (
    select
        '没有权重 · policies/scorecard_weights.csv has no row of {{ var("base_policy") }}, the base policy.' as sentence
    where '{{ var("base_policy") }}' not in (select case when area = '' then policy else '' end from versions)
    union all
    select
        '权重之和不为 1 · the weights of ' || label || ' add to ' || {{ fixed_digits('total', 4) }}
        || ', not to 1; correct them in policies/scorecard_weights.csv.' as sentence
    from followed
    where abs(coalesce(total, 0) - 1) > 1e-9 or coalesce(least, -1) < 0
    union all
    select
        '部分缺失或重复 · ' || label || ' has to name each part once and nothing else: {{ parts | join(", ") }}.' as sentence
    from followed
    where parts <> {{ parts | length }} or known_parts <> {{ parts | length }} or valid_to <> last_valid_to
    union all
    select '没有这个地区 · the weights of ' || label || ' hold in ' || area || ', which is no division.' as sentence
    from versions
    where
        area <> ''
        and policy = '{{ var("review_policy") }}'
        and area not in (select divisions.division_code from divisions)
        and (select count(*) from divisions) > 1
    union all
    select
        '日期空缺或重叠 · gap or overlap: ' || label || ' holds until ' || cast(valid_to as string) || ', the next from '
        || cast(next_from as string) || '.' as sentence
    from followed
    where next_from <> {{ add_days('valid_to', 1) }}
),

told as (
    select min(sentence) as sentence from problems
)

-- Asked for in the condition: dbt counts the rows, and an engine leaves out a column that nobody reads.
select sentence
from told
where
    sentence is not null
    and {{ fail_with('sentence') }} is null
