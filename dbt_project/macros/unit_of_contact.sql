{#- By what contacts and their reviews are told apart: what a unit of the scorecard is made of. -#}
{% macro contact_dimensions() -%}
    {{ return(['department_code', 'service_item_code', 'division_code', 'facility_id', 'contact_channel']) }}
{%- endmacro %}

{#-
  Whom and where a sender means by the codes of a contact. `unit_code_ctes` for the head of a model, `unit_code_joins` after its table (with
  `_sender` and the codes as they were sent), `unit_codes` among the columns: column → its expression.
-#}
{% macro unit_code_ctes() -%}
departments as (
    select * from {{ ref('departments') }}
),

department_codes as (
    select * from {{ ref('department_codes') }}
),

items as (
    select * from {{ ref('service_items') }}
),

item_codes as (
    select * from {{ ref('service_item_codes') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

{{ facility_code_ctes() }}
{%- endmacro %}

{% macro unit_codes(rows) -%}
    {{ return({
        'department_code': mapped_code('department_codes', 'departments', 'department_code'),
        'service_item_code': mapped_code('item_codes', 'items', 'service_item_code'),
        'division_code': "coalesce(divisions.division_code, 'unknown')",
        'facility_id': facility_of_code(rows),
    }) }}
{%- endmacro %}

{% macro unit_code_joins(rows) -%}
    {{ code_map_joins(rows, 'department_code', map='department_codes', own='departments') }}
    {{ code_map_joins(rows, 'service_item_code', map='item_codes', own='items') }}
    left join divisions on {{ rows }}.division_code = divisions.division_code
    {{ facility_code_joins(rows) }}
{%- endmacro %}
