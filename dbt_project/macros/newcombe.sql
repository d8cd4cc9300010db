{#-
  Bound of the interval of a difference of two independent rates, now minus before, from their Wilson intervals.
  Source: Newcombe 1998, Statistics in Medicine 17, method 10. `bound` is 'lo' or 'hi'; now and before are names of columns
  with _lo and _hi beside them.
-#}
{% macro newcombe(now, before, bound) -%}
    {%- set other = 'hi' if bound == 'lo' else 'lo' -%}
    ({{ now }} - {{ before }}) {{ '-' if bound == 'lo' else '+' }} sqrt(
        ({{ now }} - {{ now }}_{{ bound }}) * ({{ now }} - {{ now }}_{{ bound }})
        + ({{ before }}_{{ other }} - {{ before }}) * ({{ before }}_{{ other }} - {{ before }})
    )
{%- endmacro %}
