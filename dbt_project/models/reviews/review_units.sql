{%- set kinds = review_unit_columns('places', 'divisions') -%}
{%- set counts = review_count_columns() -%}
{%- set sums = cluster_sums() -%}
{#- where the code of a row of clusters stands: its grouping → the column of a unit's key -#}
{%- set grouped = {'department_code': 'department', 'service_item_code': 'service_item', 'contact_channel': 'channel'} -%}
{#- what the counts are first added up by → its keys, and the units that are made of it -#}
{%- set of_places = {} -%}
{%- for dimension, unit in kinds.items() if dimension not in grouped.values() -%}
    {%- do of_places.update({dimension: unit}) -%}
{%- endfor -%}
{%- set of_services = {} -%}
{%- for column, dimension in grouped.items() %}{% do of_services.update({dimension: 'services.' ~ column}) %}{% endfor -%}
{%- set sides = {
    'places': (['division_code', 'facility_id'], of_places),
    'services': (grouped.keys() | list, of_services),
} -%}
{%- set unit_keys = ['department_code', 'service_item_code', 'division_code', 'facility_id', 'contact_channel'] -%}
with

counted as (
    select * from {{ ref('review_counts') }}
),

clusters as (
    select
        review_clusters.*,
        {%- for column, grouping in grouped.items() %}
        case when clustered_by = '{{ grouping }}' then code end as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('review_clusters') }} as review_clusters
),

lost_contacts as (
    select * from {{ ref('review_lost_contacts') }}
),

unmapped_contacts as (
    select * from {{ ref('review_unmapped_contacts') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

-- A unit of which nothing came, because its sender's files are lost or its new code is not mapped, has a row that says so.
counts as (
    select
        month,
        {{ unit_keys | join(',\n        ') }},
        {{ counts | join(',\n        ') }}
    from counted
    {%- for nothing in ['lost_contacts', 'unmapped_contacts'] %}
    union all
    select
        month,
        {{ unit_keys | join(',\n        ') }},
        {%- for count in counts %}
        0 as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ nothing }}
    {%- endfor %}
),

kinds as (
    {{ review_unit_kinds(kinds) }}
),

-- Added up once by where and once by what somebody was served: many units are made of a few such rows each.
{% for side, (keys, columns) in sides.items() -%}
{{ side }} as (
    select
        month,
        {{ keys | join(',\n        ') }},
        {%- for count in counts %}
        sum({{ count }}) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from counts
    group by month, {{ keys | join(', ') }}
),

{% endfor -%}
by_unit as (
    {%- for side, (keys, columns) in sides.items() %}
    select
        {{ side }}.month,
        {%- for count in counts %}
        {{ side }}.{{ count }},
        {%- endfor %}
        kinds.dimension,
        {{ review_unit_code(columns) }} as code
    from {{ side }}
    {%- if 'division_code' in keys %}
    left join divisions on {{ side }}.division_code = divisions.division_code
    {%- endif %}
    inner join kinds
        on kinds.dimension in ('{{ columns | join("', '") }}')
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

counted_months as (
    select
        month,
        dimension,
        code,
        {%- for count in counts %}
        sum({{ count }}) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from by_unit
    where code is not null
    group by month, dimension, code
),

clusters_by_unit as (
    select
        clusters.month,
        {%- for sum in sums %}
        clusters.{{ sum }},
        {%- endfor %}
        kinds.dimension,
        {{ review_unit_code(review_unit_columns('clusters', 'divisions')) }} as code
    from clusters
    left join divisions on clusters.division_code = divisions.division_code
    inner join kinds on clusters.clustered_by = {{ clustered_by('kinds.dimension') }}
),

clustered_months as (
    select
        month,
        dimension,
        code,
        {%- for sum in sums %}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {%- endfor %}
    from clusters_by_unit
    where code is not null
    group by month, dimension, code
),

unit_months as (
    select
        counted_months.*,
        {%- for sum in sums %}
        coalesce(clustered_months.{{ sum }}, 0) as {{ sum }}{{ ',' if not loop.last }}
        {%- endfor %}
    from counted_months
    left join clustered_months
        on {{ same('counted_months', 'clustered_months', ['month', 'dimension', 'code']) }}
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
        {%- for count in counts + sums %}
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
