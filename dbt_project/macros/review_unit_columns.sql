{#-
  Every kind of unit of the scorecard and the expression that names the unit: of `counts` (department, item, division, facility, channel)
  and of `divisions`, joined to it by the division's code.

  What is counted at a county itself lies in none of its towns: at every level below it, it is `rest:<county>`, so that the units of a
  level and the rests add up to the unit above. A level that the division skips (a county below no city) has no unit.
-#}
{% macro review_unit_columns(counts, divisions) -%}
    {%- set levels = ['country', 'province', 'city', 'county', 'town', 'village'] -%}
    {%- set columns = {'all': "'all'"} -%}
    {%- for level in levels[1:] -%}
        {%- do columns.update({level:
            "case when " ~ divisions ~ ".division_code is null then 'unknown'"
            ~ " when " ~ divisions ~ "." ~ level ~ "_code is null and " ~ divisions ~ ".level in ('"
            ~ levels[:levels.index(level)] | join("', '") ~ "') then 'rest:' || " ~ divisions ~ ".division_code"
            ~ " else " ~ divisions ~ "." ~ level ~ "_code end"}) -%}
    {%- endfor -%}
    {%- do columns.update({
        'department': counts ~ '.department_code',
        'service_item': counts ~ '.service_item_code',
        'channel': counts ~ '.contact_channel',
        'facility': counts ~ '.facility_id',
    }) -%}
    {{ return(columns) }}
{%- endmacro %}

{#- The kinds, one row each, and the unit of a row under its `kinds.dimension`. -#}
{% macro review_unit_kinds(columns) -%}
    {%- for dimension in columns %}
    select '{{ dimension }}' as dimension
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro review_unit_code(columns) -%}
    case kinds.dimension
        {%- for dimension, unit in columns.items() %}
            when '{{ dimension }}' then {{ unit }}
        {%- endfor %}
        end
{%- endmacro %}

{#- Whether a code of the scorecard names no unit: it is shown, and stands beside and is compared with nobody. -#}
{% macro is_no_unit(code) -%}
    ({{ code }} in ('unknown', 'none') or {{ code }} like 'rest:%')
{%- endmacro %}
