{#- A contact's number as its sender wrote it, from the one it is known by (contact_namesakes). -#}
{% macro sent_number(case_no) -%}
    regexp_replace({{ case_no }}, '^.*/', '')
{%- endmacro %}

{#- The rows of a CTE `sent` with the contact their number is of: another's number is known by its sender's (a CTE `namesakes`). -#}
{% macro sent_with_namesakes() -%}
    from sent
    left join namesakes
        on
            sent.case_no = namesakes.case_no
            and sent.contact_no = namesakes.contact_no
            and sent._sender = namesakes.sender
{%- endmacro %}
