{#- Counts that add up; every rate of the scorecard is made of these and nothing else. -#}
{%- set unit = counted_unit() -%}
{%- set counts = review_count_columns() -%}
{%- set judged = [
    'contacts', 'reviews', 'default_reviews', 'invalid_reviews', 'active_reviews', 'n1', 'n2', 'n3', 'n4', 'n5', 'good_reviews',
    'strictly_good_reviews', 'bad_reviews', 'second_reviews', 'second_satisfied', 'points',
] + invalid_reasons().keys() | list -%}
{#- what changes them: each count it adds to, and how. What a rule suspects has been counted as valid: it is taken off again. -#}
{%- set changes = {
    'exclusions': {
        'refused_reviews': "case when kind = 'refused' then 1 else 0 end",
        'unmatched_reviews': "case when kind = 'no_contact' then 1 else 0 end",
        'excluded_reviews': "case when kind <> 'corrected' then 1 else 0 end",
        'excluded_bad': "case when is_bad and kind <> 'corrected' then 1 else 0 end",
        'excluded_bad_decided': 'case when is_decided then 1 else 0 end',
        'excluded_bad_decided_outside': "case when is_decided and is_decided_outside then 1 else 0 end",
        'corrected_reviews': "case when kind = 'corrected' and not is_decided_outside then 1 else 0 end",
    },
    'moved_contacts': {'moved_bad': 'moved_bad'},
    'suspicions': {
        'suspect_reviews': '1', 'active_reviews': '-1',
        'n1': 'case when level = 1 then -1 else 0 end', 'n2': 'case when level = 2 then -1 else 0 end',
        'n3': 'case when level = 3 then -1 else 0 end', 'n4': 'case when level = 4 then -1 else 0 end',
        'n5': 'case when level = 5 then -1 else 0 end',
        'good_reviews': "case when verdict = 'good' then -1 else 0 end",
        'suspect_good_reviews': "case when verdict = 'good' then 1 else 0 end",
        'strictly_good_reviews': 'case when is_strictly_good then -1 else 0 end',
        'bad_reviews': "case when verdict = 'bad' then -1 else 0 end",
        'points': '-coalesce(points, 0)',
    },
    'rectifications': {
        'bad_accepted': 'case when is_accepted then 1 else 0 end',
        'bad_rectified': 'case when is_accepted and is_rectified then 1 else 0 end',
        'bad_in_on_time_base': 'case when is_in_on_time_base then 1 else 0 end',
        'bad_on_time': 'case when is_on_time then 1 else 0 end',
        'bad_replied': 'case when is_accepted and is_replied then 1 else 0 end',
        'named_bad_accepted': 'case when is_accepted and is_named then 1 else 0 end',
        'named_bad_revisited': 'case when is_accepted and is_named and is_revisited then 1 else 0 end',
    },
} -%}
{%- set changed = [] -%}
{%- for own in changes.values() %}{% do changed.extend(own) %}{% endfor -%}
{%- set changed = changed | unique | list -%}
with

judged as (
    select
        review_counts_as_judged.*,
        valid_reviews as active_reviews
    from {{ ref('review_counts_as_judged') }} as review_counts_as_judged
),

suspicions as (
    select
        review_suspicions.*,
        counted_month as month
    from {{ ref('review_suspicions') }} as review_suspicions
),

rectifications as (
    select
        fct_rectification.*,
        coalesce(contact_month, {{ month_start('reviewed_on') }}) as month
    from {{ ref('fct_rectification') }} as fct_rectification
    where reviewed_on is not null
),

exclusions as (
    select * from {{ ref('review_exclusions') }}
),

moved_contacts as (
    select * from {{ ref('review_moved_contacts') }}
),

stacked as (
    {%- for side, own in changes.items() %}
    select
        month,
        {%- for column, value in unit.items() %}
        {{ value }} as {{ column }},
        {%- endfor %}
        {%- for count in changed %}
        {{ own.get(count, '0') }} as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ side }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

changes as (
    select
        month,
        {{ unit | join(',\n        ') }},
        {%- for count in changed %}
        sum({{ count }}) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from stacked
    group by
        month,
        {{ unit | join(', ') }}
),

final as (
    {{ counts_of_both({'judged': judged, 'changes': changed}, counts) }}
)

select * from final
