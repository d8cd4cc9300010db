{#- What an indicator says of a numerator: itself, or so many of it for `per` of the denominator. -#}
{% macro indicator_quotient(numerator='numerator', denominator='denominator') -%}
    case when has_denominator then per * ({{ ratio(numerator, denominator) }}) else {{ numerator }} end
{%- endmacro %}
