{#-
  Wilson score interval of a proportion k/n at normal quantile z, null where n is zero or z is null (no policy says which).
  Source: Wilson 1927; check value 81/263 at 95 % is .2553 to .3662 (domain notes 5.3). `bound` is 'lo' or 'hi'.
  k = 0 gives exactly 0 and k = n exactly 1, which floating point alone would miss by a hair.
-#}
{% macro wilson(k, n, z, bound) -%}
    case
        when {{ n }} > 0 and {{ z }} is not null and {{ k }} = {{ '0' if bound == 'lo' else n }} then {{ '0.0' if bound == 'lo' else '1.0' }}
        when {{ n }} > 0
            then (
                cast({{ k }} as double) / {{ n }} + {{ z }} * {{ z }} / (2.0 * {{ n }})
                {{ '-' if bound == 'lo' else '+' }} {{ z }} * sqrt(
                    (cast({{ k }} as double) / {{ n }}) * (1.0 - cast({{ k }} as double) / {{ n }}) / {{ n }}
                    + {{ z }} * {{ z }} / (4.0 * {{ n }} * {{ n }})
                )
            ) / (1.0 + {{ z }} * {{ z }} / {{ n }})
    end
{%- endmacro %}
