{#-
  A share from 0 to 1 as text in percent, with as many digits as it takes to differ from 0 and 100: 0.99997 is '99.997 %',
  never '100 %'; exactly 1 is '100 %'. Null stays null. The same as orchestration/statistics/intervals.show_rate.
-#}
{% macro show_share(share) -%}
    case
        when {{ share }} = 0 then '0 %'
        when {{ share }} = 1 then '100 %'
        {%- for digits in range(1, 7) %}
        {%- set text = fixed_digits('100 * ' ~ share, digits, below_a_million=true) %}
        when {{ text }} not in ('{{ '%.*f' % (digits, 0) }}', '{{ '%.*f' % (digits, 100) }}') then {{ text }} || ' %'
        {%- endfor %}
        when {{ share }} > 0.5 then '> 99.999999 %'
        when {{ share }} is not null then '< 0.000001 %'
    end
{%- endmacro %}
