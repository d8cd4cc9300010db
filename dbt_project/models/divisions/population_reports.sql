{%- set levels = ['province', 'city', 'county', 'town'] -%}
{%- set measures = ['households', 'population', 'aged_0_2', 'aged_60_plus', 'aged_65_plus', 'urban_residents'] -%}
with

reported as (
    select * from {{ ref('population_sent') }}
),

vintages as (
    select * from {{ ref('division_vintages') }}
),

division_levels as (
    select * from {{ ref('division_levels') }}
),

-- The hierarchy of the day: the last vintage up to the year, and before all vintages the first.
described as (
    select
        reported.place_key,
        reported.year,
        reported.division_method,
        {{ prefixed('reported', measures) }},
        vintages.code,
        vintages.vintage,
        vintages.level,
        vintages.province_code,
        vintages.city_code,
        vintages.county_code,
        vintages.town_code,
        vintages.village_code,
        row_number() over (
            partition by reported.place_key, reported.year
            order by
                case when vintages.vintage <= reported.year then 0 else 1 end,
                abs(vintages.vintage - reported.year)
        ) as nearest
    from reported
    inner join vintages on reported.division_code = vintages.code
),

-- A village that only the beginning of its name could place is a part of that county or town, not the county itself.
placed as (
    select
        described.place_key,
        described.code as division_code,
        described.vintage,
        described.year,
        described.division_method = 'name_prefix' as is_part,
        case when described.division_method = 'name_prefix' then deepest.depth else division_levels.depth end as depth,
        described.province_code,
        described.city_code,
        described.county_code,
        described.town_code,
        case when described.division_method <> 'name_prefix' then described.village_code end as village_code,
        {%- for measure in measures %}
        described.{{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from described
    inner join division_levels on described.level = division_levels.level
    inner join division_levels as deepest on deepest.level = 'village'
    where described.nearest = 1
),

-- Divisions that report a figure of their own.
whole as (
    select distinct
        division_code,
        year
    from placed
    where not is_part
),

final as (
    select
        placed.*,
        coalesce(
            {%- for level in levels | reverse %}
            in_{{ level }}.division_code{{ ',' if not loop.last }}
            {%- endfor %}
        ) as reported_above
    from placed
    {%- for level in levels %}
    left join whole as in_{{ level }}
        on
            placed.{{ level }}_code = in_{{ level }}.division_code
            and placed.year = in_{{ level }}.year
            and (placed.is_part or placed.division_code <> in_{{ level }}.division_code)
    {%- endfor %}
)

select * from final
