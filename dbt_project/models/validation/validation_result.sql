{%- set key = ['rule_code', 'unit_code', 'area_type', 'period'] -%}
with

judgements as (
    select * from {{ ref('validation_judgements') }}
    where not holds
),

rules as (
    select * from {{ ref('validation_rules') }}
),

waivers as (
    select * from {{ ref('validation_waivers') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

feeds as (
    select * from {{ ref('feeds') }}
),

-- A waiver is of the figures that were looked at; the last word counts.
waived as (
    select
        {{ prefixed('judgements', key) }},
        waivers.decided_by,
        waivers.decided_on,
        waivers.reason,
        row_number() over (
            partition by {{ prefixed('judgements', key) }}
            order by waivers.decided_on desc, waivers.decided_by asc, waivers.reason asc
        ) as nearest
    from judgements
    inner join waivers
        on
            {{ same('judgements', 'waivers', key) }}
            and {{ waiver_holds('waivers', 'judgements') }}
),

final as (
    select
        judgements.rule_code,
        judgements.unit_kind,
        judgements.unit_code,
        coalesce(divisions.full_name, feeds.name_zh) as unit_name,
        coalesce(divisions.level, 'feed') as unit_level,
        judgements.area_type,
        rules.period_kind,
        judgements.period,
        rules.importance,
        judgements.left_value,
        rules.operator,
        judgements.right_value,
        judgements.figures_missing,
        case when waived.decided_by is null then 'open' else 'waived' end as status,
        true as is_judged,
        -- Filled where a release tells it, which knows what was told before.
        cast(null as string) as found_in,
        cast(null as date) as found_on,
        cast(null as date) as found_again_on,
        cast(null as date) as solved_on,
        waived.decided_by as waived_by,
        waived.decided_on as waived_on,
        waived.reason as waived_because
    from judgements
    inner join rules on judgements.rule_code = rules.code
    left join divisions
        on
            judgements.unit_kind = 'division'
            and judgements.unit_code = divisions.division_code
    left join feeds
        on
            judgements.unit_kind = 'feed'
            and judgements.unit_code = feeds.code
    left join waived
        on
            {{ same('judgements', 'waived', key) }}
            and waived.nearest = 1
)

select * from final
