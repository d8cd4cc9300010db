{#-
  Figures of units of many vintages, counted for the units of the chosen one. `relation` names a CTE with `division_code`,
  `vintage` (the one that described the unit when the figure was taken), the columns `by` and additive `measures`;
  `restatement` names a CTE of division_restatement. Every unit's weights sum to one, so no total changes. For use in a CTE.
-#}
{% macro restated(relation, restatement, by, measures) -%}
    select
        {{ restatement }}.restated_code,
        {{ restatement }}.restated_vintage,
        {%- for column in by %}
        {{ relation }}.{{ column }},
        {%- endfor %}
        {%- for measure in measures %}
        sum({{ relation }}.{{ measure }} * {{ restatement }}.weight) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
    inner join {{ restatement }}
        on
            {{ relation }}.division_code = {{ restatement }}.division_code
            and {{ relation }}.vintage = {{ restatement }}.vintage
    group by {{ restatement }}.restated_code, {{ restatement }}.restated_vintage{% for column in by %}, {{ relation }}.{{ column }}{% endfor %}
{%- endmacro %}
