{#- The rates of the scorecard: rate → numerator, denominator, why the rate is null where the denominator is zero. -#}
{% macro review_rates() -%}
    {{ return({
        'participation_rate': ('active_reviews', 'contacts', 'no_contacts'),
        'good_rate': ('good_reviews', 'active_reviews', 'no_active_reviews'),
        'strictly_good_rate': ('strictly_good_reviews', 'active_reviews', 'no_active_reviews'),
        'bad_rate': ('bad_reviews', 'active_reviews', 'no_active_reviews'),
        'good_rate_all_contacts': ('good_reviews', 'contacts', 'no_contacts'),
        'not_reviewed_share': ('not_reviewed', 'contacts', 'no_contacts'),
        'rectification_rate': ('bad_rectified', 'bad_accepted', 'no_accepted_bad_reviews'),
        'on_time_rate': ('bad_on_time', 'bad_in_on_time_base', 'no_case_due_or_done'),
        'reply_rate': ('bad_replied', 'bad_accepted', 'no_accepted_bad_reviews'),
        'revisit_rate': ('named_bad_revisited', 'named_bad_accepted', 'no_named_bad_reviews'),
        'second_satisfaction_rate': ('second_satisfied', 'second_reviews', 'no_second_reviews'),
    }) }}
{%- endmacro %}
