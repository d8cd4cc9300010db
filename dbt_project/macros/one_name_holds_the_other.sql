{#- One name holds every character of the other, which has two at least: 荷塘 in 小荷塘. -#}
{% macro one_name_holds_the_other(one, other) -%}
    (
        least(length({{ one }}), length({{ other }})) >= 2
        and {{ shared_characters(one, other) }} >= least({{ shared_characters(one, one) }}, {{ shared_characters(other, other) }})
    )
{%- endmacro %}
