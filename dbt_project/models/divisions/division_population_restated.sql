{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
{%- set measures = ['households', 'population', 'aged_0_2', 'aged_60_plus', 'aged_65_plus', 'urban_residents'] -%}
with

reports as (
    select * from {{ ref('population_reports') }}
),

restatement as (
    select * from {{ ref('division_restatement') }}
),

vintages as (
    select * from {{ ref('division_vintages') }}
),

{{ population_pieces(measures) }},

carried as (
    {{ restated('pieces', 'restatement', by=['year'], measures=measures) }}
),

-- Each piece counts for its unit and for every unit above it in the chosen vintage.
spread as (
    {%- for level in levels %}
    select
        vintages.{{ level }}_code as division_code,
        carried.*
    from carried
    inner join vintages
        on
            carried.restated_vintage = vintages.vintage
            and carried.restated_code = vintages.code
    where vintages.{{ level }}_code is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select
        division_code,
        year,
        max(restated_vintage) as restated_vintage,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from spread
    group by division_code, year
)

select * from final
