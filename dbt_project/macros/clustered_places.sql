{#-
  The months and places whose reviews are grouped anew in the clusters: a query of `month` and `place`. Those that tonight's deliveries
  touch; and of the places that are suspected anew all months but those in which no rule suspects a review, now or when they were grouped.
-#}
{% macro clustered_places() -%}
    {{ touched_places() }}
    union distinct
    (
        select
            judgements.counted_month as month,
            judgements.place
        from {{ ref('review_judgements') }} as judgements
        inner join ({{ suspicion_scope() }}) as touched
            on
                judgements.place = touched.place
                and judgements.reviewed_on >= touched.from_day
                and judgements.reviewed_on <= {{ add_days('touched.to_day', suspicion_reach()) }}
        except
        (
            select
                month,
                {{ place_of_unit() }} as place
            from {{ this }}
            where clustered_by = 'place'
            group by month, {{ place_of_unit() }}
            having sum(suspects) = 0
            except
            select
                counted_month as month,
                place
            from {{ ref('review_suspicions') }}
        )
    )
{%- endmacro %}
