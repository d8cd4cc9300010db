{{ config(
    materialized=kept(),
    meta={'steps': 'indicator_changes'},
    pre_hook="{{ take_out('(indicator_code, period) in (' ~ touched_groups() ~ ')') }}",
    post_hook="{{ say_updated() }}",
) }}
{{ after('indicator_changes') }}
with

groups as (
    select * from {{ ref('indicator_groups') }}
),

cells as (
    select * from {{ ref('indicator_cells') }}
    where
        is_published
        and was_in_force
        and numerator is not null
        {%- if is_incremental() %}
        and (indicator_code, period) in ({{ touched_groups() }})
        {%- endif %}
),

sums as (
    select * from {{ ref('indicator_sums') }}
    where units is not null
),

-- Nothing of a group that has no row; unknown, if it has rows that do not say what is added up.
listed as (
    select
        cells.*,
        groups.group_name,
        groups.group_value,
        groups.group_zh,
        groups.group_en,
        coalesce(groups.denominator, '') <> '' as is_denominator_of_group,
        case when n.units is not null then n.value else 0.0 end as group_numerator,
        case
            when coalesce(groups.denominator, '') = '' then cells.denominator
            when d.units is not null then d.value
            else 0.0
        end as group_denominator
    from cells
    inner join groups on cells.indicator_code = groups.indicator_code
    left join sums as n
        on
            groups.numerator = n.measure
            and cells.division_code = n.division_code
            and cells.period = n.period
            and cells.area_type = n.area_type
    left join sums as d
        on
            groups.denominator = d.measure
            and cells.division_code = d.division_code
            and cells.period = d.period
            and cells.area_type = d.area_type
),

summed as (
    select
        indicator_code,
        division_code,
        period,
        area_type,
        group_name,
        bool_or(is_denominator_of_group) as is_denominator_of_group,
        sum(group_numerator) as group_numerator,
        sum(group_denominator) as group_denominator
    from listed
    group by indicator_code, division_code, period, area_type, group_name
),

-- Rows that do not say which group they are of, so that the groups add up to the whole.
not_stated as (
    select
        cells.*,
        summed.group_name,
        'not_stated' as group_value,
        '未注明' as group_zh,
        'Not stated' as group_en,
        summed.is_denominator_of_group,
        cells.numerator - coalesce(summed.group_numerator, 0.0) as group_numerator,
        case
            when summed.is_denominator_of_group then cells.denominator - coalesce(summed.group_denominator, 0.0)
            else cells.denominator
        end as group_denominator
    from cells
    inner join summed
        on
            cells.indicator_code = summed.indicator_code
            and cells.division_code = summed.division_code
            and cells.period = summed.period
            and cells.area_type = summed.area_type
    -- Sums of doubles differ in their last digits.
    where abs(cells.numerator - coalesce(summed.group_numerator, 0.0)) > 0.000001 + 0.000000000001 * abs(cells.numerator)
),

stacked as (
    select * from listed
    union all
    select * from not_stated
),

reasoned as (
    select
        stacked.*,
        case
            when null_reason is not null and not (is_denominator_of_group and group_denominator > 0.0) then null_reason
            when group_numerator is null then 'not_reported'
            when has_denominator and group_denominator is null then 'denominator_not_reported'
            when has_denominator and group_denominator <= 0.0 then 'denominator_is_zero'
        end as group_null_reason
    from stacked
),

final as (
    select
        indicator_code,
        division_code,
        division_name,
        division_level,
        period_kind,
        period,
        area_type,
        group_name,
        group_value,
        group_zh,
        group_en,
        group_numerator as numerator,
        group_denominator as denominator,
        is_denominator_of_group,
        case when group_null_reason is null then {{ indicator_quotient('group_numerator', 'group_denominator') }} end as value,
        unit,
        {{ ratio('group_numerator', 'numerator') }} as numerator_share,
        group_null_reason as null_reason
    from reasoned
)

select * from final
