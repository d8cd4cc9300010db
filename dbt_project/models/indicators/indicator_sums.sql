{{ config(
    materialized=kept(),
    meta={'steps': 'indicator_changes'},
    pre_hook="{{ take_out('(measure, period) in (' ~ touched_measures() ~ ')') }}",
    post_hook="{{ say_updated() }}",
) }}
{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
{%- set above = levels[:-1] -%}
{%- set added_up -%}
        sum(value) as value,
        cast(sum(units) as bigint) as units,
        cast(sum(units_on_time) as bigint) as units_on_time,
        sum(restated_value) as restated_value,
        max(restated_vintage) as restated_vintage
{%- endset -%}
{{ after('indicator_changes') }}
with

measured as (
    select * from {{ ref('indicator_measured') }}
    {{ of_touched_measures() }}
),

places as (
    select * from {{ ref('indicator_places') }}
),

-- As it was, and restated: one beside the other.
placed as (
    select
        measured.measure,
        measured.period,
        {%- for level in levels %}
        places.{{ level }}_code,
        {%- endfor %}
        places.area_type,
        case places.basis when 'as_was' then measured.value * places.weight end as value,
        case places.basis when 'as_was' then measured.units end as units,
        case places.basis when 'as_was' then measured.units_on_time end as units_on_time,
        case places.basis when 'restated' then measured.value * places.weight end as restated_value,
        places.restated_vintage
    from measured
    inner join places
        on
            measured.division_code = places.division_code
            and cast(extract(year from measured.period) as bigint) = places.year
),

-- Most figures are of villages: they are added up to towns once, and not for each division above.
in_towns as (
    select
        measure,
        period,
        {%- for level in above %}
        {{ level }}_code,
        {%- endfor %}
        area_type,
        {{ added_up }}
    from placed
    group by
        measure,
        period,
        {%- for level in above %}
        {{ level }}_code,
        {%- endfor %}
        area_type
),

-- Each figure counts for every division above it.
levels_above as (
    {%- for level in above %}
    select '{{ level }}' as level{{ ' union all' if not loop.last }}
    {%- endfor %}
),

spread as (
    select
        in_towns.measure,
        in_towns.period,
        {{ division_at('levels_above.level', 'in_towns', above) }} as division_code,
        in_towns.area_type,
        in_towns.value,
        in_towns.units,
        in_towns.units_on_time,
        in_towns.restated_value,
        in_towns.restated_vintage
    from in_towns
    cross join levels_above
    union all
    select
        placed.measure,
        placed.period,
        placed.village_code as division_code,
        placed.area_type,
        placed.value,
        placed.units,
        placed.units_on_time,
        placed.restated_value,
        placed.restated_vintage
    from placed
),

by_area_type as (
    select
        measure,
        period,
        division_code,
        area_type,
        {{ added_up }}
    from spread
    where division_code is not null
    group by measure, period, division_code, area_type
),

final as (
    select * from by_area_type
    union all
    select
        measure,
        period,
        division_code,
        'all' as area_type,
        {{ added_up }}
    from by_area_type
    group by measure, period, division_code
)

select * from final
