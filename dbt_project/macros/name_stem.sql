{#-
  What is left of a division's name without the words for the kind of unit: 竹林村委会, 竹林村民委员会 and 竹林村 are one name
  spelled three ways, 铜山县 and 铜山区 one place. A name that is nothing but such words (市辖区) is kept whole.
  The words are the place's (policies/place.yaml). The pattern stands inside each branch: one that varied from row to row would be compiled for every row.
-#}
{% macro name_stem(name, level) -%}
    {%- set folded = fold_name(name) -%}
    coalesce(
        case
            when {{ level }} is null then {{ folded }}
            {%- for kind, words in place().kind_words.items() if words %}
            when {{ level }} = '{{ kind }}' then nullif(regexp_replace({{ folded }}, '{{ words }}', ''), '')
            {%- endfor %}
            else {{ folded }}
        end,
        {{ folded }}
    )
{%- endmacro %}
