{#- The months in which something that tonight's deliveries touch counts, or counted: a query of `month`. -#}
{% macro touched_months() -%}
    select month_before as month from {{ ref('review_delta') }}
    where month_before is not null
    union distinct
    select closed_month as month from {{ ref('fct_contact') }}
    {{ of_touched_contacts() }}
    union distinct
    select counted_month as month from {{ ref('review_judgements') }}
    {{ of_touched_contacts() }}
{%- endmacro %}
