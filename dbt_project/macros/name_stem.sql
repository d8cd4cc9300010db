{#-
  What is left of a division's name without the words for the kind of unit: 竹林村委会, 竹林村民委员会 and 竹林村 are one name
  spelled three ways, 铜山县 and 铜山区 one place. A name that is nothing but such words (市辖区) is kept whole.
  The pattern stands inside each branch: one that varied from row to row would be compiled for every row.
-#}
{% macro name_stem(name, level) -%}
    {%- set folded = fold_name(name) -%}
    {%- set village = '(社区|村|嘎查|居民委员会|村民委员会|牧民委员会|居委会|村委会|牧委会|家委会|委员会)+$' -%}
    {%- set town = '(街道|办事处|民族乡|地区|镇|乡)+$' -%}
    {%- set above = '(特别行政区|自治区|自治州|自治县|地区|省|市|县|区|盟|旗)$' -%}
    coalesce(
        case
            when {{ level }} = 'village' then nullif(regexp_replace({{ folded }}, '{{ village }}', ''), '')
            when {{ level }} = 'town' then nullif(regexp_replace({{ folded }}, '{{ town }}', ''), '')
            else nullif(regexp_replace({{ folded }}, '{{ above }}', ''), '')
        end,
        {{ folded }}
    )
{%- endmacro %}
