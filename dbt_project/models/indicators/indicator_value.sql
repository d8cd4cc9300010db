with

cells as (
    select * from {{ ref('indicator_cells') }}
    where is_published
),

remainders as (
    select * from {{ ref('indicator_remainders') }}
),

seasons as (
    select * from {{ ref('indicator_seasons') }}
),

targets as (
    select
        indicator_code,
        coalesce(area, '') as area,
        valid_from,
        valid_to,
        target,
        target_year,
        baseline,
        baseline_year,
        source,
        status
    from {{ ref('indicator_targets') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

rules as (
    select
        max(case when parameter = 'outlier_mads' then value end) as outlier_mads,
        max(case when parameter = 'outlier_values_min' then value end) as outlier_values_min,
        max(case when parameter = 'coverage_min' then value end) as coverage_min,
        cast(max(case when parameter = 'pace_months' then value end) as int) as pace_months
    from {{ ref('indicator_rules') }}
),

aims as (
    select distinct
        indicator_code,
        division_code,
        period
    from cells
),

targets_in_force as (
    {{ in_force(
        'aims', 'targets', key=['indicator_code', 'division_code', 'period'], day='period', division='division_code',
        subject='indicator_code'
    ) }}
),

valued as (
    select
        cells.*,
        case when null_reason is null then {{ indicator_quotient() }} end as value,
        {{ indicator_quotient('restated_numerator', 'restated_denominator') }} as restated_value
    from cells
),

-- A period of which nothing came is no period before: what is told of the one before that is another change.
series as (
    select
        valued.*,
        case
            when {{ follows('period', 'period_kind', 'partition by indicator_code, division_code, area_type') }}
                then lag(value) over (partition by indicator_code, division_code, area_type order by period)
        end as value_previous
    from valued
),

compared as (
    select
        series.*,
        before.value as value_year_before,
        rules.outlier_mads,
        rules.outlier_values_min,
        rules.coverage_min,
        rules.pace_months / 12 as pace_years,
        seasons.season_values,
        seasons.season_median,
        seasons.season_deviation,
        targets.target,
        targets.target_year,
        targets.baseline,
        targets.baseline_year,
        targets.source as target_source,
        targets.status as target_status,
        -- From the end of the period to the end of the year of the target.
        targets.target_year + 1.0 - (
            extract(year from series.period)
            + case series.period_kind when 'year' then 1.0 else extract(month from series.period) / 12 end
        ) as years_left
    from series
    cross join rules
    left join valued as before
        on
            series.indicator_code = before.indicator_code
            and series.division_code = before.division_code
            and series.area_type = before.area_type
            and before.period = {{ add_months('series.period', '-rules.pace_months') }}
    left join seasons
        on
            series.indicator_code = seasons.indicator_code
            and series.division_code = seasons.division_code
            and series.area_type = seasons.area_type
            and series.period = seasons.period
    left join targets_in_force as targets
        on
            series.indicator_code = targets.indicator_code
            and series.division_code = targets.division_code
            and series.period = targets.period
),

judged as (
    select
        compared.*,
        case when better = 'down' then value <= target else value >= target end as is_target_met,
        (value - value_year_before) / pace_years as pace,
        case
            when target is null then 'no_target'
            when value is null then 'no_value'
            when case when better = 'down' then value <= target else value >= target end then 'target_met'
            when target_year is null then 'no_target_year'
            when years_left <= 0.0 then 'target_year_over'
        end as pace_needed_null_reason
    from compared
),

paced as (
    select
        judged.*,
        case when pace_needed_null_reason is null then (target - value) / years_left end as pace_needed,
        coalesce(units_reporting < coverage_min * units_expected, false) as is_partly_covered,
        coalesce(
            season_values >= outlier_values_min
            -- Sums of doubles differ in their last digits.
            and abs(value - season_median) > outlier_mads * season_deviation + 0.000000001 * abs(season_median),
            false
        ) as is_outlier
    from judged
),

final as (
    select
        indicator_code,
        division_code,
        division_name,
        division_level,
        above_code,
        false as is_remainder,
        period_kind,
        period,
        area_type,
        -- Filled where the release hides a row.
        cast(null as string) as suppressed_reason,
        numerator,
        denominator,
        value,
        unit,
        null_reason,
        units_expected,
        units_reporting,
        units_on_time,
        least({{ ratio('units_reporting', 'units_expected') }}, 1.0) as coverage,
        target,
        is_target_met,
        target_status,
        target_source,
        target_year,
        baseline,
        baseline_year,
        -- A difference keeps the last digits of sums that add up in another order each night: more than twelve places are chance.
        round(value - target, 12) + 0.0 as gap,
        case when better = 'down' then {{ ratio('target', 'value') }} else {{ ratio('value', 'target') }} end as attainment,
        pace,
        pace_needed,
        pace_needed_null_reason,
        case
            when pace_needed_null_reason is null and better = 'down' then pace <= pace_needed
            when pace_needed_null_reason is null then pace >= pace_needed
        end as is_pace_enough,
        value_previous,
        value_year_before,
        nullif(concat_ws(
            ',',
            case when is_partly_covered then 'partly_covered' end,
            case when is_outlier then 'outlier' end,
            case when unit = 'share' and value > 1.000000001 then 'above_one' end,
            case when population_year > extract(year from period) then 'later_population' end
        ), '') as quality_flags,
        season_median,
        restated_numerator,
        restated_denominator,
        restated_value,
        restated_vintage,
        population_year
    from paced
    union all
    select
        indicator_code,
        division_code,
        division_name,
        division_level,
        above_code,
        true as is_remainder,
        period_kind,
        period,
        area_type,
        cast(null as string) as suppressed_reason,
        numerator,
        denominator,
        cast(null as double) as value,
        unit,
        'remainder' as null_reason,
        cast(null as bigint) as units_expected,
        cast(null as bigint) as units_reporting,
        cast(null as bigint) as units_on_time,
        cast(null as double) as coverage,
        cast(null as double) as target,
        cast(null as boolean) as is_target_met,
        cast(null as string) as target_status,
        cast(null as string) as target_source,
        cast(null as bigint) as target_year,
        cast(null as double) as baseline,
        cast(null as bigint) as baseline_year,
        cast(null as double) as gap,
        cast(null as double) as attainment,
        cast(null as double) as pace,
        cast(null as double) as pace_needed,
        'no_value' as pace_needed_null_reason,
        cast(null as boolean) as is_pace_enough,
        cast(null as double) as value_previous,
        cast(null as double) as value_year_before,
        case when denominator < 0.0 or numerator < 0.0 then 'children_exceed' end as quality_flags,
        cast(null as double) as season_median,
        cast(null as double) as restated_numerator,
        cast(null as double) as restated_denominator,
        cast(null as double) as restated_value,
        cast(null as bigint) as restated_vintage,
        population_year
    from remainders
)

select * from final
