{%- set expressions = validation_expressions() -%}
with

figures as (
    select * from {{ ref('validation_figures') }}
),

terms as (
    select * from {{ ref('validation_terms') }}
),

steps as (
    {%- for step in range(expressions.longest_window) %}
    select {{ step }} as periods_back{{ ' union all' if not loop.last }}
    {%- endfor %}
),

-- A figure counts for the period `ago` later, and for the others of the window that slides with it.
shifted as (
    select
        figures.*,
        terms.over_time,
        terms.known_min,
        {{ add_months('figures.period', 'cast((terms.ago + steps.periods_back) * terms.months as int)') }} as judged_period
    from figures
    inner join terms
        on
            figures.rule_code = terms.rule_code
            and figures.side = terms.side
            and figures.term = terms.term
    inner join steps on terms.periods > steps.periods_back
),

over_time as (
    select
        rule_code,
        side,
        term,
        unit_kind,
        unit_code,
        area_type,
        judged_period as period,
        case
            when count(value) < max(known_min) then null
            when max(over_time) = 'sum' then sum(value)
            when max(over_time) = 'average' then avg(value)
            when max(over_time) = 'median' then median(value)
            when max(over_time) = 'least' then min(value)
            when max(over_time) = 'most' then max(value)
        end as value
    from shifted
    group by rule_code, side, term, unit_kind, unit_code, area_type, judged_period
),

final as (
    select
        rule_code,
        unit_kind,
        unit_code,
        area_type,
        period,
        {%- for side, most in expressions.most.items() %}
        {%- set last_side = loop.last %}
        {%- for n in range(1, most + 1) %}
        max(
            case when side = '{{ side }}' and term = {{ n }} then value end
        ) as {{ side }}_{{ n }}{{ ',' if not (loop.last and last_side) }}
        {%- endfor %}
        {%- endfor %}
    from over_time
    where value is not null
    group by rule_code, unit_kind, unit_code, area_type, period
)

select * from final
