{#-
  What a period's verdict is looked at for in a year, as a share of the months: by so many looks a false verdict is divided. Trailing
  years are looked at every month and overlap by eleven twelfths: twelve of them err as five and a sixth that share nothing
  (tests/dbt_project/test_statistics.py draws them).
-#}
{% macro looks_of_periods() -%}
    {{ return({'month': '1.0', 'quarter': '1.0 / 3.0', 'year': '1.0 / 12.0', 'trailing_12_months': '5.16 / 12.0'}) }}
{%- endmacro %}

{#-
  CTE `verdict_quantiles` from `policies`: area, valid_from and period_kind → verdict_z, the normal quantile of the interval that a verdict
  reads. The policy's interval_z allows a false verdict so often in a year; who looks verdict_looks times may err each time only that
  part of it (Bonferroni).
-#}
{% macro verdict_quantiles() -%}
verdict_tails as (
    select
        area,
        valid_from,
        verdict_looks,
        {{ two_sided_p('interval_z') }} / 2.0 as tail
    from policies
),

verdict_tails_of_periods as (
    {%- for kind, share in looks_of_periods().items() %}
    select
        area,
        valid_from,
        '{{ kind }}' as period_kind,
        tail / greatest(1.0, verdict_looks * {{ share }}) as tail
    from verdict_tails
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

verdict_quantiles as (
    select
        area,
        valid_from,
        period_kind,
        {{ upper_tail_z('tail') }} as verdict_z
    from verdict_tails_of_periods
)
{%- endmacro %}
