{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
{%- set measures = ['households', 'population', 'aged_0_2', 'aged_60_plus', 'aged_65_plus', 'urban_residents'] -%}
with

delivered as (
    select * from {{ ref('stg_reference__population') }}
),

newest as (
    {{ newest_delivery('delivered', by=['year']) }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

division_levels as (
    select * from {{ ref('division_levels') }}
),

reported as (
    {{ newest_row('newest', key=['division_code', 'year']) }}
),

-- Each figure counts for its own division and, until that division reports one itself, for every division above.
spread as (
    {%- for level in levels %}
    select
        divisions.{{ level }}_code as division_code,
        reported.year,
        division_levels.depth,
        {% for measure in measures -%}
        reported.{{ measure }}{{ ',' if not loop.last }}
        {% endfor -%}
    from reported
    inner join divisions on reported.division_code = divisions.division_code
    inner join division_levels on divisions.level = division_levels.level
    where divisions.{{ level }}_code is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

summed as (
    select
        division_code,
        year,
        depth,
        count(*) as divisions_summed,
        row_number() over (partition by division_code, year order by depth) as nearest,
        {%- for measure in measures %}
        cast(sum({{ measure }}) as bigint) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from spread
    group by division_code, year, depth
),

final as (
    select
        division_code,
        year,
        {{ measures | join(',\n        ') }},
        divisions_summed
    from summed
    where nearest = 1
)

select * from final
