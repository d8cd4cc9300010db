{#-
  The normal quantile with probability `tail` above it, for 1.4e-11 < tail < 0.075: 1.959964 for 0.025. Null elsewhere.
  Source: Wichura 1988, algorithm AS 241 (PPND16), its middle range; relative error about 1e-16.
-#}
{% macro upper_tail_z(tail) -%}
    {%- set r = '(sqrt(-ln(' ~ tail ~ ')) - 1.6)' -%}
    {%- set upper = [
        '7.74545014278341407640e-4', '2.27238449892691845833e-2', '2.41780725177450611770e-1', '1.27045825245236838258e0',
        '3.64784832476320460504e0', '5.76949722146069140550e0', '4.63033784615654529590e0', '1.42343711074968357734e0',
    ] -%}
    {%- set lower = [
        '1.05075007164441684324e-9', '5.47593808499534494600e-4', '1.51986665636164571966e-2', '1.48103976427480074590e-1',
        '6.89767334985100004550e-1', '1.67638483018380384940e0', '2.05319162663775882187e0', '1.0e0',
    ] -%}
    case
        when {{ tail }} > 1.4e-11 and {{ tail }} < 0.075
            then {{ polynomial(upper, r) }} / {{ polynomial(lower, r) }}
    end
{%- endmacro %}
