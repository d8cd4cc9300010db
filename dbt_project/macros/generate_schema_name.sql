{#- A model's schema is the folder of its subject (staging, divisions, reviews, …); code lists and policies are in `seeds`. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ node.fqn[1] if node.resource_type == 'model' else (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
