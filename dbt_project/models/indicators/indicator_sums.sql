{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
with

measured as (
    select * from {{ ref('indicator_measured') }}
),

places as (
    select * from {{ ref('indicator_places') }}
),

-- Each figure counts for every division above it, among all and among those of its area type.
divisions_above as (
    {%- for level in levels %}
    {%- for kind in ['all', 'own'] %}
    select
        '{{ level }}' as level,
        '{{ kind }}' as kind{{ ' union all' if not (loop.last and level == levels[-1]) }}
    {%- endfor %}
    {%- endfor %}
),

spread as (
    select
        measured.measure,
        places.basis,
        measured.period,
        {{ division_at('divisions_above.level', 'places', levels) }} as division_code,
        case divisions_above.kind when 'all' then 'all' else places.area_type end as area_type,
        measured.value * places.weight as value,
        measured.units,
        measured.units_on_time,
        places.restated_vintage
    from measured
    inner join places
        on
            measured.division_code = places.division_code
            and cast(extract(year from measured.period) as bigint) = places.year
    cross join divisions_above
),

final as (
    select
        measure,
        basis,
        period,
        division_code,
        area_type,
        sum(value) as value,
        cast(sum(units) as bigint) as units,
        cast(sum(units_on_time) as bigint) as units_on_time,
        max(restated_vintage) as restated_vintage
    from spread
    where division_code is not null
    group by measure, basis, period, division_code, area_type
)

select * from final
