{#-
  A number as text with so many digits (up to six) after the point; null stays null. The same as
  orchestration/statistics/intervals.fixed_digits.

  The rule: what is rounded is the decimal number as it prints, taken to twelve decimals, so that 12.35 (stored as
  12.3499999999999996) is 12.35 and what arithmetic adds in the sixteenth digit is dropped; a half goes away from zero:
  31.25 is 31.3 and -31.25 is -31.3. Nothing prints as -0.0. Both engines print a double with the fewest digits that tell it
  apart and round decimals half away from zero, which neither does for doubles (printf: 31.2 on one, 31.3 on the other).
  A number is below 10^26; one that is surely `below_a_million` takes a sixth of the time.
-#}
{% macro fixed_digits(number, digits, below_a_million=false) -%}
    {%- set width = 18 if below_a_million else 38 -%}
    cast(cast(
        round(cast(cast(cast({{ number }} as double) as string) as decimal({{ width }}, 12)), {{ digits }})
        as decimal({{ width }}, {{ digits }})
    ) as string)
{%- endmacro %}
