{#- The code of the unit above that the first digits of a code name, the rest filled up with zeros (policies/place.yaml). -#}
{% macro division_code_above(code, digits) -%}
    substr({{ code }}, 1, {{ digits }}) || '{{ '0' * (place().division_digits[-1] - digits) }}'
{%- endmacro %}

{#- Whether a code is one of an invented place. -#}
{% macro is_fictional_division(code) -%}
    {%- set beginning = place().fictional -%}
    {% if beginning %}substr({{ code }}, 1, {{ beginning | length }}) = '{{ beginning }}'{% else %}false{% endif %}
{%- endmacro %}
