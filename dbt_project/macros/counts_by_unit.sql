{#-
  CTEs up to `final`: `counts` summed by month and smallest unit, from several sides: {CTE: {count: what a row of it adds}}.
  A side needs `month` and the dimensions; what it does not mention it adds nothing to.
-#}
{% macro counts_by_unit(sides, counts) -%}
{%- set unknown = {
    'department_code': 'unknown', 'service_item_code': 'unknown', 'division_code': 'unknown', 'facility_id': 'none',
    'contact_channel': 'unknown',
} -%}
stacked as (
    {%- for side, own in sides.items() %}
    select
        month,
        {%- for dimension, nothing in unknown.items() %}
        coalesce({{ dimension }}, '{{ nothing }}') as {{ dimension }},
        {%- endfor %}
        {%- for count in counts %}
        {{ own.get(count, '0') }} as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ side }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select
        month,
        {{ unknown | join(',\n        ') }},
        {%- for count in counts %}
        cast(sum({{ count }}) as {{ 'double' if count == 'points' else 'bigint' }}) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from stacked
    group by
        month,
        {{ unknown | join(', ') }}
)
{%- endmacro %}
