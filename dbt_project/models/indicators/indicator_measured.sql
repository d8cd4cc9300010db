{{ config(
    materialized=kept(),
    meta={'steps': 'indicator_changes'},
    pre_hook="{{ take_out('(measure, period) in (' ~ touched_measures() ~ ')') }}",
    post_hook="{{ say_updated() }}",
) }}
{%- set tables = indicator_measures() -%}
{{ after('indicator_changes') }}
with

{% if is_incremental() -%}
touched as (
    select
        feed as source_table,
        day as period
    from {{ ref('indicator_changes') }}
    where change <> 'none'
),

{% endif -%}
{% for table in tables %}
{{ table.table }} as (
    select * from {{ ref(table.table) }}
),

{{ table.table }}_sums as (
    select
        division_code,
        month,
        count(is_on_time) > 0 as knows_time
        {%- for measure in table.measures %},
        cast({{ measure.value }} as double) as value_{{ loop.index }},
        {%- if measure.tells_reporters %}
        count(distinct case when {{ measure.rows }} then unit end) as units_{{ loop.index }},
        count(distinct case when {{ measure.rows }} and is_on_time then unit end) as on_time_{{ loop.index }}
        {%- else %}
        count(case when {{ measure.rows }} then unit end) as units_{{ loop.index }},
        cast(null as bigint) as on_time_{{ loop.index }}
        {%- endif %}
        {%- endfor %}
    from {{ table.table }}
    where
        division_code <> 'unknown'
        {%- if is_incremental() %}
        and cast(date_trunc('{{ 'year' if 'year' in table.measures | map(attribute='period') else 'month' }}', month) as date) in (
            select touched.period from touched
            where touched.source_table = '{{ table.table }}'
        )
        {%- endif %}
    group by division_code, month
),

{{ table.table }}_names as (
    {%- for measure in table.measures %}
    select
        {{ loop.index }} as n,
        '{{ measure.name }}' as measure,
        '{{ measure.period }}' as period_kind,
        '{{ measure.over_time }}' as over_time{{ ' union all' if not loop.last }}
    {%- endfor %}
),

{{ table.table }}_long as (
    select
        names.measure,
        names.period_kind,
        names.over_time,
        sums.division_code,
        sums.month,
        case names.n
            {%- for measure in table.measures %}
            when {{ loop.index }} then sums.value_{{ loop.index }}
            {%- endfor %}
        end as value,
        case names.n
            {%- for measure in table.measures %}
            when {{ loop.index }} then sums.units_{{ loop.index }}
            {%- endfor %}
        end as units,
        case
            when sums.knows_time
                then case names.n
                    {%- for measure in table.measures %}
                    when {{ loop.index }} then sums.on_time_{{ loop.index }}
                    {%- endfor %}
                end
        end as units_on_time
    from {{ table.table }}_sums as sums
    cross join {{ table.table }}_names as names
),
{% endfor %}

stacked as (
    {%- for table in tables %}
    select * from {{ table.table }}_long
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

present as (
    select
        stacked.*,
        case period_kind when 'year' then cast(date_trunc('year', month) as date) else month end as period
    from stacked
    where units > 0
),

made as (
    select * from present
    {{ of_touched_measures() }}
),

-- A year's last value stands in the last month anybody has sent of it.
stretches as (
    select
        measure,
        period,
        max(month) as last_month,
        count(distinct month) as months
    from made
    group by measure, period
),

final as (
    select
        made.measure,
        made.division_code,
        made.period,
        case
            when max(made.over_time) = 'sum' then sum(made.value)
            when max(made.over_time) = 'average' then sum(made.value) / max(stretches.months)
            else sum(case when made.month = stretches.last_month then made.value end)
        end as value,
        cast(max(made.units) as bigint) as units,
        cast(max(made.units_on_time) as bigint) as units_on_time
    from made
    inner join stretches
        on
            made.measure = stretches.measure
            and made.period = stretches.period
    group by made.measure, made.division_code, made.period
)

select * from final
