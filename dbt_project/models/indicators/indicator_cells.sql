{{ config(
    materialized=kept(),
    meta={'steps': 'indicator_changes'},
    pre_hook="{{ take_out('(indicator_code, period) in (' ~ touched_indicators() ~ ')') }}",
    post_hook="{{ say_updated() }}",
) }}
{%- set levels = ['province', 'city', 'county', 'town', 'village'] -%}
{#- what a cell is put together from: part, the measure it is, of which period -#}
{%- set parts = [
    ('n', 'numerator', 'period'), ('d', 'denominator', 'denominator_period'), ('expected', 'expected', 'expected_period'),
    ('unstated', 'scope', 'period'),
] -%}
{{ after('indicator_changes') }}
with

indicators as (
    select * from {{ ref('indicators') }}
    where numerator is not null and numerator <> ''
),

sums as (
    select * from {{ ref('indicator_sums') }}
),

scopes as (
    select * from {{ ref('indicator_scopes') }}
),

population_years as (
    select * from {{ ref('indicator_population_years') }}
),

history as (
    select * from {{ ref('dim_division_history') }}
),

division_levels as (
    select * from {{ ref('division_levels') }}
),

areas as (
    select 'all' as area_type
    union all
    select 'urban' as area_type
    union all
    select 'rural' as area_type
),

wanted as (
    select
        indicators.*,
        areas.area_type,
        '|' || indicators.areas || '|' not like '%|all|%' as is_of_one_area,
        deepest.depth as lowest_depth
    from indicators
    inner join areas on '|' || indicators.areas || '|' like '%|' || areas.area_type || '|%'
    inner join division_levels as deepest on indicators.lowest_level = deepest.level
),

spoken as (
    select
        wanted.*,
        scopes.period,
        scopes.scope_kind,
        scopes.scope_code,
        population_years.population_period,
        cast(extract(year from scopes.period) as bigint) as year,
        case when wanted.is_denominator_yearly = 'yes' then population_years.population_period else scopes.period end
            as denominator_period,
        case
            when wanted.is_expected_yearly = 'yes' then cast(date_trunc('year', scopes.period) as date)
            else scopes.period
        end as expected_period
    from wanted
    inner join scopes on wanted.scope = scopes.measure
    left join population_years
        on
            scopes.scope_kind = population_years.scope_kind
            and scopes.scope_code = population_years.scope_code
            and scopes.period = population_years.period
    {%- if is_incremental() %}
    where (wanted.code, scopes.period) in ({{ touched_indicators() }})
    {%- endif %}
),

-- What each part is looked for in: most sums are none of it, and the engine would hold them all.
{% for part, measure, period in parts -%}
{{ part }}_sums as (
    select * from sums
    where (measure, period) in (select spoken.{{ measure }}, spoken.{{ period }} from spoken)
    {%- if part == 'unstated' %} and area_type = 'not_stated'{% endif %}
),

{% endfor -%}
last_vintage as (
    select max(restated_vintage) as vintage from {{ ref('division_restatement') }}
),

-- Units of the period, and units of the vintage that series are restated to.
units as (
    select
        history.*,
        last_vintage.vintage as restated_to,
        division_levels.depth,
        case when history.level = 'province' then 'province' else 'register' end as scope_kind,
        case
            when history.level = 'province' then history.province_code
            else coalesce(history.city_code, history.province_code, history.county_code, history.town_code, history.village_code)
        end as scope_code,
        coalesce(
            case when history.level = 'village' then history.town_code end,
            case when history.level in ('village', 'town') then history.county_code end,
            case when history.level in ('village', 'town', 'county') then history.city_code end,
            case when history.level in ('village', 'town', 'county', 'city') then history.province_code end
        ) as above_code
    from history
    cross join last_vintage
    inner join division_levels on history.level = division_levels.level
    where
        history.level in ('{{ levels | join("', '") }}')
        and not history.is_virtual
),

years as (
    select distinct
        scope_kind,
        scope_code,
        year
    from spoken
),

-- Of a unit in several versions, the one in force in the year, or the nearest to it.
unit_years as (
    select
        units.*,
        years.year,
        years.year >= units.valid_from_year and years.year <= coalesce(units.valid_to_year, 9999) as was_in_force,
        row_number() over (
            partition by years.year, units.scope_kind, units.scope_code, units.division_code
            order by
                case
                    when years.year < units.valid_from_year then units.valid_from_year - years.year
                    when years.year > units.valid_to_year then years.year - units.valid_to_year
                    else 0
                end
        ) as nearest
    from years
    inner join units
        on
            years.scope_kind = units.scope_kind
            and years.scope_code = units.scope_code
    where
        (years.year >= units.valid_from_year and years.year <= coalesce(units.valid_to_year, 9999))
        or (units.restated_to >= units.valid_from_year and units.restated_to <= coalesce(units.valid_to_year, 9999))
),

cells as (
    select
        spoken.*,
        unit_years.division_code,
        unit_years.full_name,
        unit_years.level,
        unit_years.above_code,
        unit_years.depth <= spoken.lowest_depth as is_published,
        {%- for name in levels %}
        unit_years.{{ name }}_code,
        {%- endfor %}
        unit_years.area_type as own_area_type,
        unit_years.was_in_force
    from spoken
    inner join unit_years
        on
            spoken.scope_kind = unit_years.scope_kind
            and spoken.scope_code = unit_years.scope_code
            and spoken.year = unit_years.year
    where unit_years.nearest = 1
),

-- What is known of each part: as it was, and restated.
parts as (
    select
        cells.*,
        n.units as numerator_units,
        n.units_on_time,
        n.value as n_value,
        d.units as denominator_units,
        d.value as d_value,
        unstated.units as unstated_units,
        expected.value as expected_units,
        coalesce(known.is_known, false) as is_sent,
        n.restated_value as restated_n,
        d.restated_value as restated_d,
        coalesce(n.restated_vintage, d.restated_vintage) as restated_vintage
    from cells
    {%- for part, measure, period in parts %}
    left join {{ part }}_sums as {{ part }}
        on
            cells.{{ measure }} = {{ part }}.measure
            and cells.{{ period }} = {{ part }}.period
            and cells.division_code = {{ part }}.division_code
            {%- if part != 'unstated' %}
            and cells.area_type = {{ part }}.area_type
            {%- endif %}
    {%- endfor %}
    left join scopes as known
        on
            cells.numerator = known.measure
            and cells.period = known.period
            and cells.scope_kind = known.scope_kind
            and cells.scope_code = known.scope_code
),

-- A unit of another vintage has nothing in the period; a city that sends a list says of a division it leaves out: none.
measured as (
    select
        parts.*,
        case
            when not was_in_force then null
            when numerator_units is not null then n_value
            when absent = 'zero' or (absent = 'zero_where_sent' and is_sent) then 0.0
        end as numerator_value,
        case
            when not was_in_force then null
            when denominator_units is not null then d_value
            when denominator is not null and denominator <> '' and is_denominator_yearly = 'no' then 0.0
        end as denominator_value
    from parts
    where
        area_type = 'all'
        or is_of_one_area
        or numerator_units is not null
        or denominator_units is not null
        or restated_n is not null
),

final as (
    select
        code as indicator_code,
        division_code,
        full_name as division_name,
        level as division_level,
        lowest_level,
        above_code,
        is_published,
        {%- for name in levels %}
        {{ name }}_code,
        {%- endfor %}
        coalesce(own_area_type, 'not_stated') as own_area_type,
        period_kind,
        period,
        area_type,
        unit,
        better,
        nullif(one_area, '') as one_area,
        per,
        was_in_force,
        numerator_value as numerator,
        case
            when is_of_one_area and was_in_force then coalesce(denominator_value, 0.0)
            else denominator_value
        end as denominator,
        case
            when not was_in_force then 'not_in_force'
            when numerator_value is null then not_reported
            when is_of_one_area and coalesce(denominator_value, 0.0) = 0.0 and unstated_units is not null
                then 'area_type_not_stated'
            when is_of_one_area and coalesce(denominator_value, 0.0) = 0.0 then 'no_' || area_type || '_villages'
            when denominator is null or denominator = '' then null
            when denominator_value is null then denominator_unknown
            when denominator_value <= 0.0 then denominator_zero
        end as null_reason,
        denominator is not null and denominator <> '' as has_denominator,
        case when was_in_force then coalesce(cast(expected_units as bigint), numerator_units) end as units_expected,
        case when was_in_force then coalesce(numerator_units, case when expected_units > 0 then 0 end) end as units_reporting,
        case when was_in_force then units_on_time end as units_on_time,
        case
            when is_denominator_yearly = 'yes' and was_in_force
                then cast(extract(year from population_period) as bigint)
        end as population_year,
        restated_n as restated_numerator,
        restated_d as restated_denominator,
        restated_vintage
    from measured
)

select * from final
