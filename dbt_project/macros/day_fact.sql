{#- A day as evidence, in JSON: {"decided_on": "2026-01-15"}; null inside where it is not known. -#}
{% macro day_fact(name, at) -%}
    '{"{{ name }}": ' || coalesce('"' || cast(cast({{ at }} as date) as string) || '"', 'null') || '}'
{%- endmacro %}
