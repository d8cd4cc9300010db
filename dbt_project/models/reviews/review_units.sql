{#- Which units stand beside each other: a kind of unit and the column (or ancestor level) that names the unit. -#}
{%- set kinds = {
    'all': "'all'",
    'province': 'province_code',
    'city': 'city_code',
    'county': 'county_code',
    'town': 'town_code',
    'village': 'village_code',
    'department': 'department_code',
    'service_item': 'service_item_code',
    'channel': 'contact_channel',
    'facility': 'facility_id',
} -%}
{%- set counts = review_count_columns() -%}
with

counts as (
    select * from {{ ref('review_counts') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

placed as (
    select
        counts.*,
        {%- for level in ['province', 'city', 'county', 'town', 'village'] %}
        case
            when divisions.division_code is null then 'unknown' else divisions.{{ level }}_code
        end as {{ level }}_code{{ ',' if not loop.last }}
        {%- endfor %}
    from counts
    left join divisions on counts.division_code = divisions.division_code
),

unit_months as (
    {%- for kind, unit in kinds.items() %}
    select
        month,
        '{{ kind }}' as dimension,
        {{ unit }} as code,
        {%- for count in counts %}
        sum({{ count }}) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from placed
    {%- if kind == 'all' %}
    group by month
    {%- else %}
    where {{ unit }} is not null
    group by month, {{ unit }}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

months as (
    select distinct month from counts
),

-- The longer periods a month counts in: its quarter, its year, and the twelve months up to each month that has data.
memberships as (
    select
        month,
        'month' as period_kind,
        month as period_start,
        {{ month_end('month') }} as period_end
    from months
    union all
    select
        month,
        'quarter' as period_kind,
        cast(date_trunc('quarter', month) as date) as period_start,
        {{ month_end(add_months("cast(date_trunc('quarter', month) as date)", 2)) }} as period_end
    from months
    union all
    select
        month,
        'year' as period_kind,
        cast(date_trunc('year', month) as date) as period_start,
        {{ month_end(add_months("cast(date_trunc('year', month) as date)", 11)) }} as period_end
    from months
    union all
    select
        months.month,
        'trailing_12_months' as period_kind,
        {{ add_months('last_months.month', -11) }} as period_start,
        {{ month_end('last_months.month') }} as period_end
    from months
    inner join months as last_months
        on months.month between {{ add_months('last_months.month', -11) }} and last_months.month
),

periods as (
    select
        memberships.*,
        count(*) over (partition by period_kind, period_start) as months_counted,
        max(month) over (partition by period_kind, period_start) as last_month
    from memberships
),

final as (
    select
        periods.period_kind,
        periods.period_start,
        periods.period_end,
        periods.months_counted,
        periods.last_month,
        unit_months.dimension,
        unit_months.code,
        {%- for count in counts %}
        cast(
            sum(unit_months.{{ count }}) as {{ 'double' if count == 'points' else 'bigint' }}
        ) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from unit_months
    inner join periods on unit_months.month = periods.month
    group by
        periods.period_kind,
        periods.period_start,
        periods.period_end,
        periods.months_counted,
        periods.last_month,
        unit_months.dimension,
        unit_months.code
)

select * from final
