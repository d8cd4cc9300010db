{#-
  Probability that a standard normal lies at least |z| from 0; 1 at z = 0, null where z is null.
  Source: Hart 1968, algorithm 5666, as in West 2005, "Better approximations to cumulative normal functions"; relative error
  below 1e-13 up to |z| = 3 and below 1e-8 beyond; from |z| = 7 a continued fraction. No engine we run on has erf in common
  with the others.
-#}
{% macro two_sided_p(z) -%}
    {%- set x = 'abs(' ~ z ~ ')' -%}
    {%- set upper = [
        '3.52624965998911e-2', '0.700383064443688e0', '6.37396220353165e0', '33.912866078383e0', '112.079291497871e0',
        '221.213596169931e0', '220.206867912376e0',
    ] -%}
    {%- set lower = [
        '8.83883476483184e-2', '1.75566716318264e0', '16.064177579207e0', '86.7807322029461e0', '296.564248779674e0',
        '637.333633378831e0', '793.826512519948e0', '440.413735824752e0',
    ] -%}
    case
        when {{ x }} = 0 then 1.0
        when {{ x }} < 7.07106781186547
            then 2.0 * exp(-0.5 * {{ x }} * {{ x }}) * {{ polynomial(upper, x) }} / {{ polynomial(lower, x) }}
        when {{ x }} < 37
            then
                2.0 * exp(-0.5 * {{ x }} * {{ x }}) / 2.50662827463100050e0
                / ({{ x }} + 1.0 / ({{ x }} + 2.0 / ({{ x }} + 3.0 / ({{ x }} + 4.0 / ({{ x }} + 0.65)))))
        when {{ z }} is not null then 0.0
    end
{%- endmacro %}

{#- Horner's form of coefficients from the highest power down. -#}
{% macro polynomial(coefficients, x) -%}
    {%- set form = namespace(text=coefficients[0]) -%}
    {%- for coefficient in coefficients[1:] -%}
        {%- set form.text = '(' ~ form.text ~ ' * ' ~ x ~ ' + ' ~ coefficient ~ ')' -%}
    {%- endfor -%}
    {{ form.text }}
{%- endmacro %}
