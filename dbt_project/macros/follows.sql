{#- Whether the row before, of the same `partition`, is of the period right before: the month, or the year where `kind` says year. -#}
{% macro follows(period, kind, partition) -%}
    coalesce(
        lag({{ period }}) over ({{ partition }} order by {{ period }})
        = case when {{ kind }} = 'year' then {{ add_months(period, '-12') }} else {{ add_months(period, '-1') }} end,
        false
    )
{%- endmacro %}
