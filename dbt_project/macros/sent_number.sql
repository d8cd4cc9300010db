{#- A contact's number as its sender wrote it, from the one it is known by (contact_namesakes). -#}
{% macro sent_number(case_no) -%}
    regexp_replace({{ case_no }}, '^.*/', '')
{%- endmacro %}
