{#-
  Which facility a department means by a code: a sender's own where several senders use the code for facilities of their own, else the
  one that bears it, else a hall of that code that no register lists. `facility_code_ctes` for the head of a model,
  `facility_code_joins` after its table, `facility_of_code` among the columns.
-#}
{% macro facility_code_ctes() -%}
facilities as (
    select * from {{ ref('dim_facility') }}
),

facility_codes as (
    select
        facility_code,
        min(facility_id) as facility_id
    from facilities
    group by facility_code
    having count(*) = 1
),

own_codes as (
    select
        facility_code,
        sender,
        min(facility_id) as facility_id
    from {{ ref('facility_codes') }}
    where codes_of = 'sender' and senders > 1
    group by facility_code, sender
    having count(*) = 1
)
{%- endmacro %}

{% macro facility_code_joins(rows) -%}
left join facility_codes on {{ rows }}.facility_code = facility_codes.facility_code
left join own_codes
    on
        {{ rows }}.facility_code = own_codes.facility_code
        and {{ rows }}._sender = own_codes.sender
{%- endmacro %}

{% macro facility_of_code(rows) -%}
coalesce(own_codes.facility_id, facility_codes.facility_id, 'hall:' || {{ rows }}.facility_code)
{%- endmacro %}
