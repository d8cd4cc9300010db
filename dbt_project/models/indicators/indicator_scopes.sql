with

measured as (
    select * from {{ ref('indicator_measured') }}
),

places as (
    select * from {{ ref('indicator_places') }}
    where basis = 'as_was'
),

-- Who speaks: a city's register for all of it, and any of them for the province.
spoken as (
    select
        measured.measure,
        measured.period,
        measured.value,
        measured.units,
        places.register_code,
        places.province_code
    from measured
    inner join places
        on
            measured.division_code = places.division_code
            and cast(extract(year from measured.period) as bigint) = places.year
),

scoped as (
    select
        measure,
        period,
        value,
        units,
        'register' as scope_kind,
        register_code as scope_code
    from spoken
    union all
    select
        measure,
        period,
        value,
        units,
        'province' as scope_kind,
        province_code as scope_code
    from spoken
    where province_code is not null
),

final as (
    select
        measure,
        period,
        scope_kind,
        scope_code,
        count(value) > 0 as is_known,
        cast(sum(units) as bigint) as units
    from scoped
    group by measure, period, scope_kind, scope_code
)

select * from final
