{#-
  Why a unit is good, to be watched, bad or not to be told: by where its whole interval lies, never by the point, and silence
  is no praise. `lo` and `hi` bound the good rate, `participation` is the share that took part; good_line, bad_line and
  participation_floor are columns of the policy in force, whose `policy` is null where none is.
  `unheard`: condition under which nobody knows who took part, so that nothing is good.
  `unjudged`: reason → condition, for what is not judged although a policy is in force; the first that holds is told.
-#}
{% macro verdict_reason(lo, hi, participation, unjudged, unheard=none) -%}
    case
        when policy is null then 'no_policy'
        {%- for reason, condition in unjudged.items() %}
        when {{ condition }} then '{{ reason }}'
        {%- endfor %}
        when {{ hi }} < bad_line then 'surely_below_bad_line'
        when {{ lo }} >= good_line and {{ participation }} >= participation_floor then 'surely_above_good_line'
        {%- if unheard %}
        when {{ lo }} >= good_line and {{ unheard }} then 'feeds_missing'
        {%- endif %}
        when {{ lo }} >= good_line then 'too_few_took_part'
        when {{ lo }} >= bad_line and {{ hi }} < good_line then 'surely_between_lines'
        else 'interval_crosses_a_line'
    end
{%- endmacro %}

{#- A bound of the interval that a verdict reads: that of good ones among so many at the quantile of a year's looks. -#}
{% macro verdict_bound(good, reviews, bound) -%}
    {{ wilson(effective(good, 'verdict_design_effect'), effective(reviews, 'verdict_design_effect'), 'verdict_z', bound) }}
{%- endmacro %}

{#- Of reviews that count, and nothing else: too few of them are not judged. -#}
{% macro review_verdict_reason() -%}
    {{ verdict_reason('verdict_lo', 'verdict_hi', 'participation_rate', unjudged={
        'no_active_reviews': 'active_reviews = 0', 'too_few_reviews': 'active_reviews < min_reviews',
    }, unheard='not is_heard') }}
{%- endmacro %}

{#- The least favourable reading: the bad reviews that do not count are counted, as far as the policy believes them. -#}
{% macro review_verdict_reason_if_counted() -%}
    {{ verdict_reason('good_rate_if_counted_lo', 'good_rate_if_counted_hi', 'participation_rate_if_counted', unjudged={
        'no_active_reviews': reviews_if_counted() ~ ' = 0',
        'too_few_reviews': reviews_if_counted() ~ ' < min_reviews',
    }, unheard='not is_heard') }}
{%- endmacro %}

{#-
  How many of the bad reviews that do not count the least favourable reading counts: all of them, but for those that somebody else than the
  department decided or withdrew, of which the policy leaves out a share of all bad reviews.
-#}
{% macro excluded_bad_counted(units, policies) -%}
    cast(
        {{ units }}.excluded_bad
        - least(
            {{ units }}.excluded_bad_decided_outside,
            ceil({{ policies }}.decided_share_max * ({{ units }}.bad_reviews + {{ units }}.excluded_bad))
        )
        as bigint
    )
{%- endmacro %}

{#-
  What units are ranked and scored by: every bad review that arrived, also what was decided or withdrawn. A share of them may leave
  the verdict; whoever decides most away would otherwise stand above whoever decides nothing.
-#}
{% macro ranked_reviews() -%}
    (active_reviews + excluded_bad + {{ moved_reviews() }})
{%- endmacro %}

{#-
  Bad reviews of contacts that were the unit's when the review was given, and are another's since, less those that came to it so: they
  count where they are, and are read as bad where they were.
-#}
{% macro moved_reviews() -%}
    greatest(0, moved_bad)
{%- endmacro %}

{#- Of these the good ones: one that was bad until its sender corrected it is none. -#}
{% macro ranked_good() -%}
    (good_reviews - corrected_reviews)
{%- endmacro %}

{#- The least favourable reading: all reviews of it, the good ones among them, and the contacts they are of. -#}
{% macro reviews_if_counted() -%}
    (active_reviews + coalesce(excluded_bad_counted, 0) + {{ moved_reviews() }})
{%- endmacro %}

{% macro contacts_if_counted() -%}
    (contacts + unmatched_reviews + invalid_contact_open)
{%- endmacro %}

{#- Bad reviews that never went into the loop (follow-ups do): in a score they are bad reviews that nobody handled. -#}
{% macro bad_outside_loop() -%}
    greatest(0, bad_reviews + excluded_bad + {{ moved_reviews() }} + corrected_reviews + second_reviews - second_satisfied - bad_accepted)
{%- endmacro %}

{#- The reason that is told: where the two readings of the reviews give two verdicts, neither is the unit's. -#}
{% macro reason_of_both(counted, if_counted) -%}
    case
        when {{ verdict(counted) }} <> {{ verdict(if_counted) }} then 'excluded_reviews_decide'
        else {{ counted }}
    end
{%- endmacro %}

{#- The verdict that follows from its reason; 'undetermined' where nothing can be told. -#}
{% macro verdict(reason) -%}
    case
        when {{ reason }} = 'surely_below_bad_line' then 'bad'
        when {{ reason }} = 'surely_above_good_line' then 'good'
        when {{ reason }} in ('too_few_took_part', 'surely_between_lines') then 'watch'
        else 'undetermined'
    end
{%- endmacro %}
