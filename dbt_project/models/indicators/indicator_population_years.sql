with

scopes as (
    select * from {{ ref('indicator_scopes') }}
),

rules as (
    select * from {{ ref('indicator_rules') }}
    where parameter = 'population_units_min'
),

periods as (
    select distinct
        period,
        scope_kind,
        scope_code
    from scopes
),

reported as (
    select
        scope_kind,
        scope_code,
        period,
        max(units) as units
    from scopes
    where measure like 'table:population_years/%'
    group by scope_kind, scope_code, period
),

full_years as (
    select
        reported.*,
        max(units) over (partition by scope_kind, scope_code) as most
    from reported
),

-- A few early reports of a new year do not stand for the city.
usable as (
    select full_years.*
    from full_years
    cross join rules
    where full_years.units >= rules.value * full_years.most
),

ranked as (
    select
        periods.scope_kind,
        periods.scope_code,
        periods.period,
        usable.period as population_period,
        row_number() over (
            partition by periods.scope_kind, periods.scope_code, periods.period
            order by
                case when usable.period <= periods.period then 0 else 1 end,
                case when usable.period <= periods.period then usable.period end desc,
                usable.period asc
        ) as nearest
    from periods
    inner join usable
        on
            periods.scope_kind = usable.scope_kind
            and periods.scope_code = usable.scope_code
),

final as (
    select
        scope_kind,
        scope_code,
        period,
        population_period
    from ranked
    where nearest = 1
)

select * from final
