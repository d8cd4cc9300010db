{#- The code that a row of `relation` has at one of `levels`, which a column names row by row. -#}
{% macro division_at(level, relation, levels) -%}
    case {{ level }}
            {%- for name in levels %}
            when '{{ name }}' then {{ relation }}.{{ name }}_code
            {%- endfor %}
        end
{%- endmacro %}
