{#- The counts of reviews that add up over months and units: those the scorecard shows, and three it only reckons with. -#}
{% macro review_count_columns() -%}
    {{ return(scorecard_counts() + ['suspect_good_reviews', 'moved_bad', 'points']) }}
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
