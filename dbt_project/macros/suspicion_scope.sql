{#-
  The place-months whose reviews are to be suspected anew: where a touched review was, and where it is. A rule looks at one
  place and one month of reviews; only a surge looks further, `suspicion_reach` days back. A query: place, from_day, to_day.
-#}
{% macro suspicion_scope() -%}
    select distinct
        place,
        review_month as from_day,
        {{ month_end('review_month') }} as to_day
    from (
        select place_before as place, review_month_before as review_month
        from {{ ref('review_delta') }}
        where place_before is not null
        union all
        select place, {{ month_start('reviewed_on') }} as review_month
        from {{ ref('review_judgements') }}
        {{ of_touched_contacts() }}
    ) as places
{%- endmacro %}

{#- How many days back any policy's surge rule looks: so far ahead a touched day is felt. -#}
{% macro suspicion_reach() -%}
    (select cast(coalesce(max(surge_baseline_days), 0) as integer) from {{ ref('dim_review_policy') }})
{%- endmacro %}

{#- What is taken out before a scope is suspected anew. -#}
{% macro in_suspicion_scope() -%}
    exists (
        select 1
        from ({{ suspicion_scope() }}) as touched
        where
            {{ this }}.place = touched.place
            and {{ this }}.reviewed_on >= touched.from_day
            and (
                {{ this }}.reviewed_on <= touched.to_day
                or ({{ this }}.rule = 'surge' and {{ this }}.reviewed_on <= {{ add_days('touched.to_day', suspicion_reach()) }})
            )
    )
{%- endmacro %}

{#- The reviews that a rule may read; of a table that is mended, those of the touched place-months (a CTE `touched`), and so many days
before and after them. For a `where` on review_judgements under the name `judgements`. -#}
{% macro may_be_suspected(days_before='0', days_after='0') -%}
    judgements.validity = 'valid'
        and judgements.review_no = 1
    {%- if is_incremental() %}
        and {{ is_touched('judgements', days_before, days_after) }}
    {%- endif %}
{%- endmacro %}

{% macro is_touched(relation, days_before='0', days_after='0') -%}
    exists (
            select 1
            from touched
            where
                {{ relation }}.place = touched.place
                and {{ relation }}.reviewed_on >= {{ add_days('touched.from_day', '-' ~ days_before) }}
                and {{ relation }}.reviewed_on <= {{ add_days('touched.to_day', days_after) }}
        )
{%- endmacro %}
