-- 一项政策在生效的每一天把各参数各规定一次，且合乎情理；否则不用它评判。
-- · A policy says everything once for every day it is in force, and what it says makes sense; otherwise nothing is judged by it.
{{ config(meta={'dagster': {'ref': {'name': 'dim_review_policy'}}}) }}
{%- set parameters = review_policy_parameters() %}
{%- set shares = [
    'rectification_rate_target', 'reply_rate_target', 'revisit_rate_target', 'lag_share_min',
    'good_line', 'bad_line', 'area_share_min', 'participation_floor', 'coverage_min', 'score_weight_min', 'false_discovery_rate',
    'decided_share_max', 'usual_sender_share', 'number_density_min', 'number_edge_share', 'number_start_density',
] %}
{%- set weights = ['weight_good', 'weight_participation', 'weight_on_time', 'weight_reply', 'weight_revisit'] %}
with

settings as (
    select
        policy,
        version,
        coalesce(area, '') as area,
        valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        parameter,
        value,
        status,
        source,
        policy || ' ' || version || coalesce(' in ' || area, '') as label,
        -- As it stands in the file, to be searched for.
        policy || ',' || version || ',' || cast(valid_from as string) || ',' || coalesce(cast(valid_to as string), '') || ','
        || coalesce(area, '') || ',' || parameter || ',' || coalesce(
            case when value = floor(value) then cast(cast(value as bigint) as string) else cast(value as string) end, ''
        ) as file_row
    from {{ ref('review_policies') }}
),

resolved as (
    select
        dim_review_policy.*,
        policy || ' ' || version || case when area = '' then '' else ' in ' || area end
        || ' from ' || cast(valid_from as string) as label
    from {{ ref('dim_review_policy') }} as dim_review_policy
),

divisions as (
    select division_code from {{ ref('division_latest') }}
),

chosen as (
    select '{{ var("review_policy") }}' as policy
    union distinct
    select '{{ var("base_policy") }}' as policy
),

{{ dated_versions('parameter') }},

opened as (
    select
        label,
        case
            {%- for parameter in parameters %}
            when {{ parameter }} is null then '{{ parameter }}'
            {%- endfor %}
        end as missing
    from resolved
),

problems as (
    select
        '没有这项政策 · no rows of the policy ' || chosen.policy || ' hold everywhere; '
        || 'vars review_policy and base_policy name a policy of policies/review_policies.csv.' as sentence
    from chosen
    left join settings
        on
            chosen.policy = settings.policy
            and settings.area = ''
    where settings.policy is null
    union all
    select
        '不认识的参数 · ' || label || ' sets ' || parameter
        || ', which no rule reads; the parameters stand in macros/review_policy_parameters.sql.' as sentence
    from settings
    where parameter not in ('{{ parameters | join("', '") }}')
    union all
    select
        '没有来源或数值 · ' || min(label) || ' gives ' || parameter
        || ' no value, no source, or a status other than sourced, single_source, recalled, project.' as sentence
    from settings
    where
        value is null
        or coalesce(source, '') = ''
        or coalesce(status, '') not in ('sourced', 'single_source', 'recalled', 'project')
    group by parameter
    union all
    select
        '参数重复 · ' || label || ' gives ' || parameter || ' ' || cast(count(*) as string) || ' times from '
        || cast(valid_from as string) || '.' as sentence
    from settings
    group by label, parameter, valid_from
    having count(*) > 1
    union all
    select
        '日期颠倒 · ' || label || ' ends on ' || cast(valid_to as string) || ', before it begins on '
        || cast(valid_from as string) || '.' as sentence
    from version_days
    where valid_to < valid_from
    union all
    {{ date_problems('parameter') }}
    union all
    select '没有这个地区 · ' || label || ' holds in ' || area || ', which is no division.' as sentence
    from version_days
    where
        area <> ''
        and policy = '{{ var("review_policy") }}'
        and area not in (select divisions.division_code from divisions)
        and (select count(*) from divisions) > 1
    union all
    select '参数空缺 · ' || label || ' leaves ' || missing || ' open, and so does the base policy.' as sentence
    from opened
    where missing is not null
    union all
    select
        '权重之和不为 1 · the weights of ' || label || ' add to ' || {{ fixed_digits(weights | join(' + '), 4) }}
        || ', not to 1: {{ weights | join(", ") }}.' as sentence
    from resolved
    where abs({{ weights | join(' + ') }} - 1) > 1e-9 or least({{ weights | join(', ') }}) < 0
    union all
    select
        '取值不合理 · ' || label || ': expected shares from 0 to 1, bad_line not above good_line, bad_level_max below '
        || 'good_level_min not above strict_good_level_min, area_share_min above 0.5, interval_z from 1.3 to 5, and '
        || 'verdict_looks from 1 to 366.' as sentence
    from resolved
    where
        least({{ shares | join(', ') }}) < 0
        or greatest({{ shares | join(', ') }}) > 1
        or area_share_min <= 0.5
        or bad_line > good_line
        or bad_level_max >= good_level_min
        or good_level_min > strict_good_level_min
        or interval_z not between 1.3 and 5
        or verdict_looks not between 1 and 366
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
