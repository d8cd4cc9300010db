{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
with

sides as (
    select * from {{ ref('validation_sides') }}
),

figures as (
    select * from {{ ref('validation_figures') }}
),

rules as (
    select
        *,
        case period_kind when 'year' then 12 else 1 end as months
    from {{ ref('validation_rules') }}
),

history as (
    select * from {{ ref('dim_division_history') }}
    where
        level in ('{{ levels | join("', '") }}')
        and not is_virtual
),

-- A period is judged when it is over, and only if somebody has sent anything of it.
periods as (
    select distinct
        figures.rule_code,
        figures.period
    from figures
    inner join rules on figures.rule_code = rules.code
    where {{ add_months('figures.period', 'cast(rules.months as int)') }} <= {{ run_month() }}
),

placed as (
    select
        history.*,
        case
            when level = 'province' then province_code
            else coalesce(city_code, province_code, county_code, town_code, village_code)
        end as scope_code,
        case when level = 'province' then 'province' else 'register' end as scope_kind
    from history
),

-- A unit that is in force no more has not collapsed to nothing.
known as (
    select
        sides.rule_code,
        sides.unit_kind,
        sides.unit_code,
        sides.area_type,
        sides.period
    from sides
    inner join periods
        on
            sides.rule_code = periods.rule_code
            and sides.period = periods.period
    left join placed
        on
            sides.unit_code = placed.division_code
            and extract(year from sides.period) >= placed.valid_from_year
            and extract(year from sides.period) <= coalesce(placed.valid_to_year, 9999)
    where
        sides.unit_kind = 'feed'
        or placed.division_code is not null
),

-- Rules that judge what is missing reach every unit of a city that has the figure at all.
scopes as (
    select distinct
        known.rule_code,
        known.period,
        placed.scope_kind,
        placed.scope_code
    from known
    inner join placed
        on
            known.unit_kind = 'division'
            and known.unit_code = placed.division_code
            and extract(year from known.period) >= placed.valid_from_year
            and extract(year from known.period) <= coalesce(placed.valid_to_year, 9999)
),

areas as (
    select 'all' as area_type
    union all
    select 'urban' as area_type
    union all
    select 'rural' as area_type
),

silent_divisions as (
    select
        scopes.rule_code,
        'division' as unit_kind,
        placed.division_code as unit_code,
        areas.area_type,
        scopes.period
    from scopes
    inner join rules
        on
            scopes.rule_code = rules.code
            and rules.missing = 'never_skip'
    inner join placed
        on
            scopes.scope_kind = placed.scope_kind
            and scopes.scope_code = placed.scope_code
            and rules.levels like '%|' || placed.level || '|%'
            and extract(year from scopes.period) >= placed.valid_from_year
            and extract(year from scopes.period) <= coalesce(placed.valid_to_year, 9999)
    inner join areas on rules.areas like '%|' || areas.area_type || '|%'
),

feeds_known as (
    select distinct
        rule_code,
        unit_code
    from known
    where unit_kind = 'feed'
),

silent_feeds as (
    select
        feeds_known.rule_code,
        'feed' as unit_kind,
        feeds_known.unit_code,
        'all' as area_type,
        periods.period
    from feeds_known
    inner join rules
        on
            feeds_known.rule_code = rules.code
            and rules.missing = 'never_skip'
    inner join periods on feeds_known.rule_code = periods.rule_code
),

final as (
    select * from known
    union distinct
    select * from silent_divisions
    union distinct
    select * from silent_feeds
)

select * from final
