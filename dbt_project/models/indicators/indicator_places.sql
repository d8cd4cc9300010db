{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
with

measured as (
    select * from {{ ref('indicator_measured') }}
),

history as (
    select * from {{ ref('dim_division_history') }}
),

restatement as (
    select * from {{ ref('division_restatement') }}
),

asked as (
    select distinct
        division_code,
        cast(extract(year from period) as bigint) as year
    from measured
),

-- The description of the day; of a code not in force that year, the nearest one.
described as (
    select
        asked.year,
        history.*,
        row_number() over (
            partition by asked.division_code, asked.year
            order by
                case
                    when asked.year < history.valid_from_year then history.valid_from_year - asked.year
                    when asked.year > history.valid_to_year then asked.year - history.valid_to_year
                    else 0
                end,
                history.valid_from_year desc
        ) as nearest
    from asked
    inner join history on asked.division_code = history.division_code
),

heirs as (
    select
        asked.year,
        restatement.division_code,
        restatement.restated_code,
        restatement.restated_vintage,
        restatement.weight,
        rank() over (
            partition by asked.division_code, asked.year
            order by
                case
                    when asked.year < restatement.vintage then restatement.vintage - asked.year
                    when asked.year > restatement.last_year then asked.year - restatement.last_year
                    else 0
                end,
                restatement.vintage desc
        ) as nearest
    from asked
    inner join restatement on asked.division_code = restatement.division_code
),

final as (
    select
        'as_was' as basis,
        division_code,
        year,
        1.0 as weight,
        cast(null as bigint) as restated_vintage,
        {%- for level in levels %}
        {{ level }}_code,
        {%- endfor %}
        coalesce(area_type, 'not_stated') as area_type,
        coalesce(city_code, province_code, county_code, town_code, village_code) as register_code
    from described
    where nearest = 1
    union all
    select
        'restated' as basis,
        heirs.division_code,
        heirs.year,
        heirs.weight,
        heirs.restated_vintage,
        {%- for level in levels %}
        history.{{ level }}_code,
        {%- endfor %}
        coalesce(history.area_type, 'not_stated') as area_type,
        coalesce(history.city_code, history.province_code, history.county_code, history.town_code, history.village_code)
            as register_code
    from heirs
    inner join history
        on
            heirs.restated_code = history.division_code
            and heirs.restated_vintage >= history.valid_from_year
            and heirs.restated_vintage <= coalesce(history.valid_to_year, 9999)
    where heirs.nearest = 1
)

select * from final
