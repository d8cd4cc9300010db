{#-
  How many reviews in all it takes, at the rate `p`, until the Wilson interval lies wholly on one side of `line`: the interval
  holds the line exactly while (p − line)² n ≤ z² line (1 − line). Null where p lies on the line: no number of reviews would do.
-#}
{% macro reviews_to_leave(p, line, z) -%}
    case
        when abs({{ p }} - {{ line }}) > 1e-6
            then
                floor(
                    {{ z }} * {{ z }} * {{ line }} * (1.0 - {{ line }}) / (({{ p }} - {{ line }}) * ({{ p }} - {{ line }}))
                ) + 1
    end
{%- endmacro %}

{#-
  How many reviews in all it takes, at the rate `p`, until a verdict is certain: a rate above the good line has to leave that
  one, a rate below the bad line that one, a rate between them both.
-#}
{% macro reviews_that_decide(p, good_line, bad_line, z) -%}
    {%- set leave_good = reviews_to_leave(p, good_line, z) -%}
    {%- set leave_bad = reviews_to_leave(p, bad_line, z) -%}
    case
        when {{ p }} > {{ good_line }} then {{ leave_good }}
        when {{ p }} < {{ bad_line }} then {{ leave_bad }}
        -- The greater of two, where greatest() would skip an unknown one.
        when {{ leave_good }} > {{ leave_bad }} then {{ leave_good }}
        when {{ leave_good }} <= {{ leave_bad }} then {{ leave_bad }}
    end
{%- endmacro %}

{#- How many periods with as many reviews it takes to have `reviews_needed`; null where it would be more than the policy counts. -#}
{% macro periods_to_decide() -%}
    case
        when reviews_needed <= contacts then cast(1 as bigint)
        when ceil(reviews_needed / cast(active_reviews as double)) <= periods_to_decide_max
            then cast(ceil(reviews_needed / cast(active_reviews as double)) as bigint)
    end
{%- endmacro %}

{#- Why no number is told of the reviews or periods it would take; for where the number is null. -#}
{% macro no_number_because(number) -%}
    case
        when {{ number }} is not null then null
        when policy is null then 'no_policy'
        when verdict <> 'undetermined' then 'decided'
        when verdict_reason = 'excluded_reviews_decide' then 'excluded_reviews_decide'
        when active_reviews = 0 then 'no_active_reviews'
        when verdict_reason = 'feeds_missing' then 'feeds_missing'
        when reviews_needed is null then 'rate_on_a_line'
        when periods_to_decide is null then 'out_of_reach'
        else 'more_than_the_period_has'
    end
{%- endmacro %}
