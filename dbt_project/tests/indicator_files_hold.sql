-- 每个值都合其指标文件所写：单位、时期、级别、城乡类别、商、方向、目标、为空的原因。
-- · Every value is as its indicator's file says: unit, period, level, area types, quotient, direction, target, why there is none.
{{ config(meta={'dagster': {'ref': {'name': 'indicator_value'}}}) }}
with

cells as (
    select * from {{ ref('indicator_value') }}
),

indicators as (
    select * from {{ ref('indicators') }}
),

targets as (
    select * from {{ ref('indicator_targets') }}
),

division_levels as (
    select * from {{ ref('division_levels') }}
),

described as (
    select
        cells.*,
        indicators.unit as file_unit,
        indicators.period_kind as file_period_kind,
        indicators.better,
        indicators.per,
        coalesce(indicators.denominator, '') <> '' as has_denominator,
        coalesce(indicators.numerator, '') = '' as is_missing,
        '|' || indicators.areas || '|' as file_areas,
        division_levels.depth,
        deepest.depth as lowest_depth,
        '|not_in_force|remainder|area_type_not_stated|no_urban_villages|no_rural_villages|'
        || coalesce(indicators.not_reported, '') || '|' || coalesce(indicators.denominator_unknown, '') || '|'
        || coalesce(indicators.denominator_zero, '') || '|' as reasons
    from cells
    inner join indicators on cells.indicator_code = indicators.code
    inner join division_levels on cells.division_level = division_levels.level
    inner join division_levels as deepest on indicators.lowest_level = deepest.level
),

-- A target of a row is one of its file, for one of the areas it names.
aimed as (
    select
        indicator_code,
        target,
        count(*) as targets
    from targets
    group by indicator_code, target
),

beside as (
    select
        described.*,
        aimed.targets
    from described
    left join aimed
        on
            described.indicator_code = aimed.indicator_code
            and described.target = aimed.target
),

judged as (
    select
        beside.*,
        case
            when is_missing then 'a missing indicator has no values'
            when unit <> file_unit then 'unit'
            when period_kind <> file_period_kind then 'period_kind'
            when period_kind = 'year' and extract(month from period) + extract(day from period) <> 2
                then 'a year begins on its first day'
            when period_kind = 'month' and extract(day from period) <> 1 then 'a month begins on its first day'
            when depth > lowest_depth then 'level'
            when file_areas not like '%|' || area_type || '|%' then 'area_type'
            when reasons not like '%|' || coalesce(null_reason, 'remainder') || '|%' then 'null_reason'
            when not is_remainder and (numerator < 0.0 or denominator < 0.0 or value < 0.0) then 'below zero'
            when value is not null and has_denominator and coalesce(denominator, 0.0) <= 0.0 then 'value without a denominator'
            when has_denominator and abs(value * denominator - per * numerator) > 0.000000001 * per * numerator then 'quotient'
            when not has_denominator and value <> numerator then 'numerator'
            when unit = 'share' and value > 1.000000001 and coalesce(quality_flags, '') not like '%above_one%'
                then 'share above one'
            when target is not null and targets is null then 'target'
            when
                is_target_met
                <> ((better = 'down' and value <= target) or (better <> 'down' and value >= target))
                then 'is_target_met'
            when value > 0.0 and target > 0.0 and is_target_met <> (attainment >= 1.0) then 'attainment'
            when is_target_met and pace_needed is not null then 'pace_needed'
            when (pace_needed > 0.0 and better = 'down') or (pace_needed < 0.0 and better <> 'down') then 'direction of the pace'
        end as broken
    from beside
)

select
    indicator_code,
    division_code,
    period,
    area_type,
    broken
from judged
where broken is not null
