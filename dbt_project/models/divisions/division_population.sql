{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
{%- set measures = ['households', 'population', 'aged_0_2', 'aged_60_plus', 'aged_65_plus', 'urban_residents'] -%}
with

placed as (
    select * from {{ ref('population_reports') }}
),

-- Each figure counts for its own division and, until that division reports one itself, for every division above.
spread as (
    {%- for level in levels %}
    select
        {{ level }}_code as division_code,
        year,
        depth,
        {{ measures | join(',
        ') }}
    from placed
    where {{ level }}_code is not null
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
