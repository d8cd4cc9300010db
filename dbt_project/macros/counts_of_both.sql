{#- The smallest unit that reviews are counted of: column → its value, which is never null. -#}
{% macro counted_unit() -%}
    {{ return({
        'department_code': "coalesce(department_code, 'unknown')",
        'service_item_code': "coalesce(service_item_code, 'unknown')",
        'division_code': "coalesce(division_code, 'unknown')",
        'facility_id': "coalesce(facility_id, 'none')",
        'contact_channel': "coalesce(contact_channel, 'unknown')",
    }) }}
{%- endmacro %}

{#-
  A query that adds up the counts of two CTEs, each with a row a month and smallest unit: {CTE: its counts}. They are joined, because
  to stack and group that many rows of that many sums takes two to three times as long.
-#}
{% macro counts_of_both(sides, counts) -%}
    {%- set one, other = sides.keys() -%}
    {%- set keys = ['month'] + counted_unit().keys() | list -%}
    select
        {%- for key in keys %}
        coalesce({{ one }}.{{ key }}, {{ other }}.{{ key }}) as {{ key }},
        {%- endfor %}
        {%- for count in counts %}
        {%- set parts = [] %}
        {%- for side, own in sides.items() if count in own %}{% do parts.append('coalesce(' ~ side ~ '.' ~ count ~ ', 0)') %}{% endfor %}
        cast({{ parts | join(' + ') }} as {{ 'double' if count == 'points' else 'bigint' }}) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ one }}
    full outer join {{ other }} on {{ same(one, other, keys) }}
{%- endmacro %}
