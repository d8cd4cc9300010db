{#- The counts of reviews that add up over months and units, in the order the scorecard shows them. -#}
{% macro review_count_columns() -%}
    {{ return([
        'contacts', 'reviews', 'default_reviews', 'invalid_reviews', 'invalid_before_close', 'invalid_contact_open',
        'invalid_after_window', 'invalid_duplicate', 'invalid_withdrawn', 'invalid_decided', 'invalid_no_contact',
        'invalid_other', 'suspect_reviews', 'refused_reviews', 'unmatched_reviews', 'excluded_reviews', 'excluded_bad',
        'excluded_bad_decided', 'excluded_bad_decided_outside', 'corrected_reviews', 'active_reviews', 'n1',
        'n2', 'n3', 'n4', 'n5', 'good_reviews', 'strictly_good_reviews', 'bad_reviews', 'suspect_good_reviews',
        'points', 'bad_accepted', 'bad_rectified', 'bad_in_on_time_base', 'bad_on_time', 'bad_replied',
        'named_bad_accepted', 'named_bad_revisited', 'second_reviews', 'second_satisfied',
    ]) }}
{%- endmacro %}

{#- Why a review does not count: the count of its reason → the condition on a judgement. What nobody can read or judge is `other`. -#}
{% macro invalid_reasons() -%}
    {{ return({
        'invalid_before_close': "validity = 'before_close' and contact_month is not null",
        'invalid_contact_open': "validity = 'before_close' and contact_month is null",
        'invalid_after_window': "validity = 'after_window'",
        'invalid_duplicate': "validity = 'duplicate'",
        'invalid_withdrawn': "validity = 'withdrawn'",
        'invalid_decided': "validity in ('appeal_upheld', 'malicious', 'mistaken')",
        'invalid_no_contact': "validity = 'no_contact'",
        'invalid_other': "validity in ('appeal_filed', 'level_unknown', 'no_policy')",
    }) }}
{%- endmacro %}
