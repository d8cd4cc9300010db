with

divisions as (
    select * from {{ ref('stg_reference__divisions') }}
),

vintages as (
    select * from {{ ref('division_vintages') }}
),

scopes as (
    select * from {{ ref('division_scopes') }}
),

delivered as (
    {{ newest_delivery('divisions', by=['vintage']) }}
),

marked as (
    select * from delivered
    where is_marked_abolished
),

newest_marked as (
    {{ newest_row('marked', key=['vintage', 'code']) }}
),

placed as (
    select distinct
        vintage,
        code
    from delivered
    where is_below_itself is not true and not is_marked_abolished
),

-- A root that names itself as its parent is left out nowhere.
repeated as (
    select delivered.*
    from delivered
    inner join vintages
        on
            delivered.vintage = vintages.vintage
            and delivered.code = vintages.code
    left join placed
        on
            delivered.vintage = placed.vintage
            and delivered.code = placed.code
    where
        delivered.is_below_itself
        and not delivered.is_marked_abolished
        and (placed.code is not null or delivered.level <> vintages.level)
),

newest_repeated as (
    {{ newest_row('repeated', key=['vintage', 'code', 'level']) }}
),

lost as (
    select
        scopes.*,
        vintages.name,
        vintages.sender,
        vintages.receipt
    from scopes
    left join vintages
        on
            scopes.vintage = vintages.vintage
            and scopes.top_code = vintages.code
    where
        scopes.previous_units >= {{ var('division_kept_units_min') }}
        and scopes.units < scopes.previous_units * {{ var('division_kept_share_min') }}
),

found as (
    select
        vintage,
        code as division_code,
        name,
        level,
        problem,
        problem = 'circle' as blocks_release,
        case problem
            when 'circle' then '上级为 ' || parent_code || '，沿上级走会回到自身'
            when 'parent_missing' then '同一年份没有上级 ' || parent_code
            else '同一年份有两种说法，取后收到的一种'
        end as evidence_zh,
        case problem
            when 'circle' then 'its parent is ' || parent_code || ', and going up leads back to itself'
            when 'parent_missing' then 'the vintage has no parent ' || parent_code
            else 'the vintage tells it in two ways; the later word counts'
        end as evidence_en,
        sender,
        receipt
    from vintages
    where problem is not null
    union all
    select
        vintage,
        code as division_code,
        name,
        level,
        'marked_abolished' as problem,
        false as blocks_release,
        '名称注明已撤销，不算本年份的单位' as evidence_zh,
        'its name says that it is abolished: no unit of this vintage' as evidence_en,
        _sender as sender,
        _receipt as receipt
    from newest_marked
    union all
    select
        vintage,
        code as division_code,
        name,
        level,
        'repeated_below_itself' as problem,
        false as blocks_release,
        '以同一代码重复列在自身之下，此行不采用' as evidence_zh,
        'listed again below itself under its own code: this row is left out' as evidence_en,
        _sender as sender,
        _receipt as receipt
    from newest_repeated
    union all
    select
        vintage,
        top_code as division_code,
        coalesce(name, top_code) as name,
        level,
        'half_lost' as problem,
        true as blocks_release,
        cast(previous_vintage as string) || ' 年有 ' || cast(previous_units as string) || ' 个下级单位，现只有 '
        || cast(units as string) || ' 个' as evidence_zh,
        'of the ' || cast(previous_units as string) || ' units of this level below it in ' || cast(previous_vintage as string)
        || ', ' || cast(units as string) || ' are left' as evidence_en,
        sender,
        receipt
    from lost
),

final as (
    select
        cast(vintage as string) || ':' || division_code || ':' || level || ':' || problem as problem_key,
        vintage,
        division_code,
        name,
        level,
        problem,
        blocks_release,
        evidence_zh,
        evidence_en,
        sender,
        receipt
    from found
)

select * from final
