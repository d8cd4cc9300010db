with

vintages as (
    select * from {{ ref('division_vintages') }}
),

scopes as (
    select * from {{ ref('division_scopes') }}
),

ties as (
    select * from {{ ref('division_ties') }}
),

late_heirs as (
    select * from {{ ref('division_late_heirs') }}
    union all
    select * from {{ ref('division_late_heirs_2') }}
),

shares as (
    select * from {{ ref('division_child_shares') }}
),

rules as (
    select * from {{ ref('division_change_rules') }}
),

units as (
    select
        vintages.vintage,
        vintages.code,
        vintages.name,
        vintages.name_stem,
        vintages.level,
        vintages.parent_code,
        scopes.previous_vintage,
        scopes.next_vintage
    from vintages
    {{ join_scopes() }}
),

edges as (
    select
        {{ unit_pair_columns() }}
    from ties
    {%- for model in ['division_refound', 'division_refound_2', 'division_refound_3'] %}
    union all
    select
        {{ unit_pair_columns() }}
    from {{ ref(model) }}
    {%- endfor %}
    union all
    select
        {{ unit_pair_columns() }}
    from late_heirs
),

counted as (
    select
        edges.*,
        count(*) over (partition by from_vintage, old_code) as successors,
        count(*) over (partition by to_vintage, new_code) as predecessors
    from edges
),

-- Every unit of the older vintage and every one of the newer, with what ties them.
traced as (
    select
        older.vintage as from_vintage,
        older.next_vintage as to_vintage,
        older.level,
        older.code as old_code,
        older.name as old_name,
        counted.new_code,
        counted.successors,
        counted.predecessors,
        coalesce(counted.reason, case when bearers.code is null then 'no_trace' else 'code_given_away' end) as reason,
        bearers.code is not null as is_code_borne
    from units as older
    left join counted
        on
            older.vintage = counted.from_vintage
            and older.code = counted.old_code
    left join units as bearers
        on
            older.next_vintage = bearers.vintage
            and older.level = bearers.level
            and older.code = bearers.code
    where older.next_vintage is not null
    union all
    select
        newer.previous_vintage as from_vintage,
        newer.vintage as to_vintage,
        newer.level,
        cast(null as string) as old_code,
        cast(null as string) as old_name,
        newer.code as new_code,
        cast(0 as bigint) as successors,
        cast(0 as bigint) as predecessors,
        'first_seen' as reason,
        false as is_code_borne
    from units as newer
    left join counted
        on
            newer.vintage = counted.to_vintage
            and newer.code = counted.new_code
    where counted.new_code is null and newer.previous_vintage is not null
),

final as (
    select
        traced.level || ':' || cast(traced.from_vintage as string) || ':' || coalesce(traced.old_code, '') || '>'
        || cast(traced.to_vintage as string) || ':' || coalesce(traced.new_code, '') as successor_key,
        traced.from_vintage,
        traced.to_vintage,
        traced.level,
        traced.old_code,
        traced.old_name,
        traced.new_code,
        newer.name as new_name,
        case
            when traced.reason = 'decided_by_hand' and traced.new_code is null then 'abolished'
            when traced.successors > 1 then 'split'
            when rules.change = 'merged' and traced.predecessors = 1 and traced.old_code = traced.new_code then 'renamed'
            when rules.change = 'merged' and traced.predecessors = 1 then 'moved'
            else rules.change
        end as change,
        traced.reason,
        rules.confidence,
        coalesce(late_heirs.children_share, shares.children_share) as children_share,
        -- The code lives on, but for another unit than this one's heirs.
        traced.is_code_borne
        and max(case when traced.old_code = traced.new_code then 1 else 0 end)
            over (partition by traced.from_vintage, traced.old_code) = 0 as is_code_reused
    from traced
    inner join rules on traced.reason = rules.reason
    left join vintages as newer
        on
            traced.to_vintage = newer.vintage
            and traced.new_code = newer.code
    left join shares
        on
            traced.from_vintage = shares.from_vintage
            and traced.to_vintage = shares.to_vintage
            and traced.old_code = shares.old_code
            and traced.new_code = shares.new_code
    left join late_heirs
        on
            traced.from_vintage = late_heirs.from_vintage
            and traced.to_vintage = late_heirs.to_vintage
            and traced.old_code = late_heirs.old_code
            and traced.new_code = late_heirs.new_code
)

select * from final
