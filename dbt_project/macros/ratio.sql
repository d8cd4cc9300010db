{#- numerator / denominator as double; null where the denominator is zero or null, never 0 or 1 by accident. -#}
{% macro ratio(numerator, denominator) -%}
    case when {{ denominator }} > 0 then cast({{ numerator }} as double) / {{ denominator }} end
{%- endmacro %}
