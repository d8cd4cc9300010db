{#- Two names that may be one place's: one holds the other, or they share more than half of the longer one's characters. -#}
{% macro resembles(one, other) -%}
    (
        {{ one_name_holds_the_other(one, other) }}
        or {{ shared_characters(one, other) }} * 2 > greatest({{ shared_characters(one, one) }}, {{ shared_characters(other, other) }})
    )
{%- endmacro %}
