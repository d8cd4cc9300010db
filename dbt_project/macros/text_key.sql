{#- md5 of a canonical string of the columns: the same key on every engine. Null and empty differ. -#}
{% macro text_key(columns) -%}
    md5(concat_ws('|'
        {%- for column in columns %}, coalesce(cast({{ column }} as string), '∅'){% endfor -%}
    ))
{%- endmacro %}
