{#-
  The reviews that a rule of suspicion looks at: first reviews that count, of the places that are suspected anew and so many
  days around them, with their policy if asked. For use after a select list; a rule's own conditions follow with `and`.
-#}
{% macro from_countable_reviews(days, before=0, after=0, with_policy=false) -%}
    from {{ ref('review_judgements') }} as judgements
    {{ of_touched_places(days, before, after) }}
    {% if with_policy %}{{ judged_by('judgements') }}{% endif %}
    where
        judgements.validity = 'valid'
        and judgements.review_no = 1
{%- endmacro %}
