with

communities as (
    select * from {{ ref('community_coverage') }}
),

parks as (
    select * from {{ ref('park_area') }}
),

indicators as (
    select * from {{ ref('indicators') }}
),

targets as (
    select
        indicator_code,
        coalesce(area, '') as area,
        valid_from,
        valid_to,
        target,
        source,
        status
    from {{ ref('indicator_targets') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

-- Rural (and urban) villages are known only where the vintage states the class; elsewhere the share is null, not zero.
area_coverage as (
    {%- for area_type in ['rural', 'urban'] %}
    select
        '{{ area_type }}_comprehensive_facility_coverage' as indicator_code,
        every.division_code,
        every.month as period,
        '{{ area_type }}' as area_type,
        cast(coalesce(own.villages_with_comprehensive, 0) as double) as numerator,
        cast(coalesce(own.villages, 0) as double) as denominator,
        1.0 as per,
        case
            when not every.states_comprehensive then 'comprehensive_not_stated'
            when own.villages is null and unstated.villages is not null then 'area_type_not_stated'
            when own.villages is null then 'no_{{ area_type }}_villages'
        end as null_reason
    from communities as every
    left join communities as own
        on
            every.month = own.month
            and every.division_code = own.division_code
            and own.area_type = '{{ area_type }}'
    left join communities as unstated
        on
            every.month = unstated.month
            and every.division_code = unstated.division_code
            and unstated.area_type = 'not_stated'
    where every.area_type = 'all'
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

facility_area as (
    select
        'community_facility_area_per_100_households' as indicator_code,
        division_code,
        month as period,
        area_type,
        area_m2 as numerator,
        cast(households as double) as denominator,
        100.0 as per,
        case
            when area_m2 is null then 'area_not_reported'
            when households is null then 'households_not_reported'
            when households = 0 then 'no_households'
        end as null_reason
    from communities
    where area_type <> 'not_stated'
),

centre_coverage as (
    select
        'activity_centre_coverage' as indicator_code,
        division_code,
        month as period,
        area_type,
        cast(villages_with_facility as double) as numerator,
        cast(villages as double) as denominator,
        1.0 as per,
        cast(null as string) as null_reason
    from communities
    where area_type <> 'not_stated'
),

-- The register of venues is today's; its month is the month of the run.
park_area as (
    select
        'park_area_per_resident' as indicator_code,
        division_code,
        {{ month_start(run_date()) }} as period,
        'all' as area_type,
        area_m2 as numerator,
        cast(population as double) as denominator,
        1.0 as per,
        case
            when area_m2 is null then 'area_not_reported'
            when population is null then 'population_not_reported'
            when population = 0 then 'no_residents'
        end as null_reason
    from parks
),

measured as (
    select * from area_coverage
    union all
    select * from facility_area
    union all
    select * from centre_coverage
    union all
    select * from park_area
),

aims as (
    select distinct
        indicator_code,
        division_code,
        period
    from measured
),

targets_in_force as (
    {{ in_force(
        'aims', 'targets', key=['indicator_code', 'division_code', 'period'], day='period', division='division_code',
        subject='indicator_code'
    ) }}
),

aimed as (
    select
        measured.*,
        indicators.unit,
        indicators.better,
        divisions.full_name as division_name,
        divisions.level as division_level,
        divisions.population_year,
        targets.target,
        targets.source as target_source,
        targets.status as target_status
    from measured
    inner join indicators on measured.indicator_code = indicators.code
    inner join divisions on measured.division_code = divisions.division_code
    left join targets_in_force as targets
        on
            measured.indicator_code = targets.indicator_code
            and measured.division_code = targets.division_code
            and measured.period = targets.period
),

valued as (
    select
        aimed.*,
        case when null_reason is null then per * ({{ ratio('numerator', 'denominator') }}) end as value
    from aimed
),

final as (
    select
        indicator_code,
        division_code,
        division_name,
        division_level,
        period,
        area_type,
        -- Filled where the release hides a row.
        cast(null as string) as suppressed_reason,
        numerator,
        denominator,
        value,
        unit,
        null_reason,
        target,
        case when better = 'down' then value <= target else value >= target end as is_target_met,
        target_status,
        target_source,
        population_year
    from valued
)

select * from final
