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

{#- Of reviews: too few of them are not judged. -#}
{% macro review_verdict_reason() -%}
    {{ verdict_reason('good_rate_lo', 'good_rate_hi', 'participation_rate', unjudged={
        'no_active_reviews': 'active_reviews = 0', 'too_few_reviews': 'active_reviews < min_reviews',
    }, unheard='not is_heard') }}
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
