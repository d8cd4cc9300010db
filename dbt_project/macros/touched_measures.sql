{#- The measures and periods whose rows are others than when indicators were last made of them: a query of `measure` and `period`. -#}
{% macro touched_measures() -%}
    select
        receipt as measure,
        day as period
    from {{ ref('indicator_changes') }}
    where change <> 'none'
{%- endmacro %}

{#- The indicators and periods that read one of them: a query of `indicator_code` and `period`. -#}
{% macro touched_indicators() -%}
    select
        indicators.code as indicator_code,
        touched.period
    from ({{ touched_measures() }}) as touched
    inner join {{ ref('indicators') }} as indicators
        on touched.measure in (indicators.numerator, indicators.denominator, indicators.expected, indicators.scope)
{%- endmacro %}

{#- The same, and those of which a group does. -#}
{% macro touched_groups() -%}
    {{ touched_indicators() }}
    union distinct
    select
        groups.indicator_code,
        touched.period
    from ({{ touched_measures() }}) as touched
    inner join {{ ref('indicator_groups') }} as groups on touched.measure in (groups.numerator, groups.denominator)
{%- endmacro %}

{#- Where a model is updated, only what is touched; for use after a `from` or, with `and`, a condition. -#}
{% macro of_touched_measures() -%}
    {%- if is_incremental() %}where (measure, period) in ({{ touched_measures() }}){% endif -%}
{%- endmacro %}

{% macro of_touched_indicators(word='where') -%}
    {%- if is_incremental() %}{{ word }} (indicator_code, period) in ({{ touched_indicators() }}){% endif -%}
{%- endmacro %}
