{%- set expressions = validation_expressions() -%}
{%- set key = ['rule_code', 'unit_kind', 'unit_code', 'area_type', 'period'] -%}
with

cases as (
    select * from {{ ref('validation_cases') }}
),

sides as (
    select * from {{ ref('validation_sides') }}
),

rules as (
    select * from {{ ref('validation_rules') }}
),

filled as (
    select
        {{ prefixed('cases', key) }},
        rules.operator,
        rules.missing,
        {%- for side, most in expressions.most.items() %}
        {%- set last_side = loop.last %}
        {%- for n in range(1, most + 1) %}
        sides.{{ side }}_{{ n }}{{ ',' if not (loop.last and last_side) }}
        {%- endfor %}
        {%- endfor %}
    from cases
    inner join rules on cases.rule_code = rules.code
    left join sides on {{ same('cases', 'sides', key) }}
),

valued as (
    select
        filled.*,
        case rule_code
            {%- for rule in expressions.rules %}
            when '{{ rule.code }}' then {{ rule.left }}
            {%- endfor %}
        end as left_side,
        case rule_code
            {%- for rule in expressions.rules %}
            when '{{ rule.code }}' then {{ rule.right }}
            {%- endfor %}
        end as right_side,
        case rule_code
            {%- for rule in expressions.rules %}
            when '{{ rule.code }}' then {{ rule.missing }}
            {%- endfor %}
        end as figures_missing,
        case rule_code
            {%- for rule in expressions.rules %}
            when '{{ rule.code }}' then {{ rule.figures }}
            {%- endfor %}
        end as figures
    from filled
),

-- Sums of doubles add up in another order each night: what differs by less than nine digits is equal.
measured as (
    select
        valued.*,
        left_side - right_side as difference,
        0.000000001 * greatest(abs(left_side), abs(right_side), 0.000000001) as tolerance
    from valued
    where
        missing is null
        or missing = ''
        or missing = 'never_skip'
        or (missing = 'skip_if_any' and figures_missing = 0)
        or (missing = 'skip_if_all' and figures_missing < figures)
),

judged as (
    select
        measured.*,
        case operator
            when 'compulsory_pair' then (left_side is null) = (right_side is null)
            when 'exclusive_pair' then left_side is null or right_side is null
            when 'equal_to' then abs(difference) <= tolerance
            when 'not_equal_to' then abs(difference) > tolerance
            when 'greater_than' then difference > tolerance
            when 'greater_than_or_equal_to' then difference >= -tolerance
            when 'less_than' then difference < -tolerance
            when 'less_than_or_equal_to' then difference <= tolerance
        end as holds
    from measured
),

final as (
    select
        rule_code,
        unit_kind,
        unit_code,
        area_type,
        period,
        round(left_side, 9) + 0.0 as left_value,
        round(right_side, 9) + 0.0 as right_value,
        cast(figures_missing as bigint) as figures_missing,
        holds
    from judged
    where holds is not null
)

select * from final
