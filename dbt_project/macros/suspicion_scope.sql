{#-
  The places whose reviews are to be suspected anew, each from the first to the last month of reviews in which something
  was or is touched: a query of place, from_day, to_day. A rule looks at one place and one month of reviews; only a surge
  looks further, `suspicion_reach` days back, so that a touched day is felt as many days ahead.
-#}
{% macro suspicion_scope() -%}
    select
        place,
        min(review_month) as from_day,
        {{ month_end('max(review_month)') }} as to_day
    from (
        select
            place_before as place,
            review_month_before as review_month
        from {{ ref('review_delta') }}
        where review_month_before is not null
        union all
        select
            place,
            {{ month_start('reviewed_on') }} as review_month
        from {{ ref('review_judgements') }}
        {{ of_touched_contacts() }}
    ) as places
    group by place
{%- endmacro %}

{#- How many days back any policy's surge rule looks. -#}
{% macro suspicion_reach() -%}
    {%- set policies = ref('dim_review_policy') -%}
    {{ return((run_query('select max(surge_baseline_days) from ' ~ policies).rows[0][0] or 0) | int if execute else 0) }}
{%- endmacro %}

{#- The first and the last day of the scope, written into the query so that the engine passes over everything else. -#}
{% macro suspicion_days() -%}
    {%- set found = run_query('select min(from_day), max(to_day) from (' ~ suspicion_scope() ~ ') as touched').rows[0] -%}
    {{ return([found[0] or '9999-12-31', found[1] or '0001-01-01']) }}
{%- endmacro %}

{#- What is taken out of the suspicions before a scope is suspected anew. -#}
{% macro in_suspicion_scope() -%}
    review_id in (
        select kept.review_id
        from {{ this }} as kept
        inner join ({{ suspicion_scope() }}) as touched
            on
                kept.place = touched.place
                and kept.reviewed_on >= touched.from_day
        where
            kept.reviewed_on <= touched.to_day
            or (kept.rule = 'surge' and kept.reviewed_on <= {{ add_days('touched.to_day', suspicion_reach()) }})
    )
{%- endmacro %}

{#- Of a table that is updated: a join to the touched places, and so many days before and after. `days`: see suspicion_days. -#}
{% macro of_touched_places(days, before=0, after=0) -%}
    {%- if is_incremental() %}
    inner join touched
        on
            judgements.place = touched.place
            and judgements.reviewed_on >= {{ add_days('touched.from_day', -before) }}
            and judgements.reviewed_on <= {{ add_days('touched.to_day', after) }}
            and judgements.reviewed_on >= {{ add_days("cast('" ~ days[0] ~ "' as date)", -before) }}
            and judgements.reviewed_on <= {{ add_days("cast('" ~ days[1] ~ "' as date)", after) }}
    {%- endif %}
{%- endmacro %}
