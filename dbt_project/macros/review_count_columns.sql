{#- The counts of reviews that add up over months and units, in the order the scorecard shows them. -#}
{% macro review_count_columns() -%}
    {{ return([
        'contacts', 'reviews', 'default_reviews', 'invalid_reviews', 'suspect_reviews', 'active_reviews', 'n1',
        'n2', 'n3', 'n4', 'n5', 'good_reviews', 'strictly_good_reviews', 'bad_reviews', 'suspect_good_reviews',
        'points', 'bad_accepted', 'bad_rectified', 'bad_in_on_time_base', 'bad_on_time', 'bad_replied',
        'named_bad_accepted', 'named_bad_revisited', 'second_reviews', 'second_satisfied',
    ]) }}
{%- endmacro %}
