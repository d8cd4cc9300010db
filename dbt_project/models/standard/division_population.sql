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

places as (
    select * from {{ ref('division_matches') }}
),

keyed as (
    select
        newest.*,
        {{ text_key(['division_code', 'division_name']) }} as place_key
    from newest
),

reported as (
    {{ newest_row('keyed', key=['place_key', 'year']) }}
),

-- A village that only the beginning of its name could place is a part of that county or town, not the county itself.
placed as (
    select
        reported.*,
        divisions.province_code,
        divisions.city_code,
        divisions.county_code,
        divisions.town_code,
        case when places.division_method <> 'name_prefix' then divisions.village_code end as village_code,
        case when places.division_method = 'name_prefix' then deepest.depth else division_levels.depth end as depth
    from reported
    inner join places on reported.place_key = places.place_key
    inner join divisions on places.division_code = divisions.division_code
    inner join division_levels on divisions.level = division_levels.level
    inner join division_levels as deepest on deepest.level = 'village'
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
