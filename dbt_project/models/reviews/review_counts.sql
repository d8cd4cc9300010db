{#- Counts that add up; every rate of the scorecard is made of these and nothing else. -#}
{#- side: each count it adds to, and how. What a rule suspects has been counted as valid: it is taken off again. -#}
{%- set sides = {
    'judged': {
        'contacts': 'contacts', 'reviews': 'reviews', 'default_reviews': 'default_reviews', 'invalid_reviews': 'invalid_reviews',
        'active_reviews': 'valid_reviews', 'n1': 'n1', 'n2': 'n2', 'n3': 'n3', 'n4': 'n4', 'n5': 'n5',
        'good_reviews': 'good_reviews', 'strictly_good_reviews': 'strictly_good_reviews', 'bad_reviews': 'bad_reviews',
        'second_reviews': 'second_reviews', 'second_satisfied': 'second_satisfied', 'points': 'points',
    },
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
{%- for count in invalid_reasons() %}{% do sides['judged'].update({count: count}) %}{% endfor -%}
with

judged as (
    select * from {{ ref('review_counts_as_judged') }}
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

{{ counts_by_unit(sides, review_count_columns()) }}

select * from final
