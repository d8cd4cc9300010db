{#- Whether a code says in which province it lies, by its first digits (policies/place.yaml). -#}
{% macro names_its_province(code) -%}
    {%- set digits = place().division_digits -%}
    {% if digits %}length({{ code }}) = {{ digits[-1] }}{% else %}false{% endif %}
{%- endmacro %}

{#- The code of the unit above that the first digits of a code name, of the province (0) or of a further level; zeros fill the rest. -#}
{% macro division_code_above(code, level) -%}
    {%- set digits = place().division_digits or [0] -%}
    substr({{ code }}, 1, {{ digits[level] }}) || '{{ '0' * (digits[-1] - digits[level]) }}'
{%- endmacro %}

{#- Whether a code is one of an invented place. -#}
{% macro is_fictional_division(code) -%}
    {%- set beginning = place().fictional -%}
    {% if beginning %}substr({{ code }}, 1, {{ beginning | length }}) = '{{ beginning }}'{% else %}false{% endif %}
{%- endmacro %}
