{#- The months and places in which something that tonight's deliveries touch counts, or counted: a query of `month` and `place`. -#}
{% macro touched_places() -%}
    select
        month_before as month,
        place_before as place
    from {{ ref('review_delta') }}
    where month_before is not null
    union distinct
    select
        closed_month as month,
        {{ place_of_contact() }} as place
    from {{ ref('fct_contact') }}
    {{ of_touched_contacts() }}
    union distinct
    select
        counted_month as month,
        place
    from {{ ref('review_judgements') }}
    {{ of_touched_contacts() }}
{%- endmacro %}

{#- The place whose contacts and reviews are looked at together: a facility, or what lies in a division and in no facility. -#}
{% macro place_of_contact(rows='') -%}
    {%- set of = rows ~ '.' if rows else '' -%}
    coalesce({{ of }}facility_id, {{ of }}division_code)
{%- endmacro %}

{#- The same of a row that is counted: `none` stands for no facility. -#}
{% macro place_of_unit() -%}case facility_id when 'none' then division_code else facility_id end{%- endmacro %}
