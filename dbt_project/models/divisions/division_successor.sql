with

vintages as (
    select * from {{ ref('division_vintages') }}
),

scopes as (
    select * from {{ ref('division_scopes') }}
),

twins as (
    select * from {{ ref('division_twins') }}
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

-- What became of the units below a unit: the best witnesses of a merger, a split or another name.
witnesses as (
    select
        twins.from_vintage,
        twins.to_vintage,
        older.parent_code as old_code,
        newer.parent_code as new_code,
        count(*) as children
    from twins
    inner join vintages as older
        on
            twins.from_vintage = older.vintage
            and twins.old_code = older.code
    inner join vintages as newer
        on
            twins.to_vintage = newer.vintage
            and twins.new_code = newer.code
    group by twins.from_vintage, twins.to_vintage, older.parent_code, newer.parent_code
),

shares as (
    select
        from_vintage,
        to_vintage,
        old_code,
        new_code,
        cast(children as double)
        / sum(children) over (partition by from_vintage, to_vintage, old_code) as children_share
    from witnesses
),

older_alone as (
    {{ units_without('units', 'twins', side='old') }}
    and units.next_vintage is not null
),

newer_alone as (
    {{ units_without('units', 'twins', side='new') }}
    and units.previous_vintage is not null
),

-- Same code, another name: the same unit if the names resemble each other (one holds the other's characters, or they share more
-- than half), if most of the units below it are the same, or if the level is one whose codes are not given away.
same_code as (
    select
        {{ unit_pair() }},
        case
            when shares.children_share >= {{ var('division_same_children_share') }} then 'same_code_same_children'
            when {{ resembles('older.name_stem', 'newer.name_stem') }} then 'same_code_like_name'
            when older.level in ('country', 'province', 'city', 'county') then 'same_code_upper_level'
        end as reason
    from older_alone as older
    inner join newer_alone as newer
        on
            older.next_vintage = newer.vintage
            and older.level = newer.level
            and older.code = newer.code
    left join shares
        on
            older.vintage = shares.from_vintage
            and newer.vintage = shares.to_vintage
            and older.code = shares.old_code
            and newer.code = shares.new_code
),

paired as (
    select
        {{ unit_pair_columns() }}
    from twins
    union all
    select
        {{ unit_pair_columns() }}
    from same_code
    where reason is not null
),

older_gone as (
    {{ units_without('older_alone', 'paired', side='old') }}
),

newer_unexplained as (
    {{ units_without('newer_alone', 'paired', side='new') }}
),

-- A unit that is gone lives on where the units below it went; one that stayed has split where many went to a unit nobody knew.
by_children as (
    select
        {{ unit_pair() }},
        'children_went_there' as reason
    from shares
    inner join units as older
        on
            shares.from_vintage = older.vintage
            and shares.to_vintage = older.next_vintage
            and shares.old_code = older.code
    inner join units as newer
        on
            shares.to_vintage = newer.vintage
            and shares.new_code = newer.code
            and older.level = newer.level
    left join older_gone
        on
            older.vintage = older_gone.vintage
            and older.code = older_gone.code
    left join newer_unexplained
        on
            newer.vintage = newer_unexplained.vintage
            and newer.code = newer_unexplained.code
    where
        shares.children_share >= {{ var('division_split_share') }}
        and (older_gone.code is not null or newer_unexplained.code is not null)
),

-- Below the same parent one name holds the other (小荷塘 in 荷塘): several unknown heirs are a split, otherwise the nearest name.
namesakes as (
    select
        {{ unit_pair() }},
        newer_unexplained.code is not null and length(newer.name_stem) > length(older.name_stem) as is_unknown_heir,
        row_number() over (
            partition by older.vintage, older.code
            order by abs(length(newer.name_stem) - length(older.name_stem)), newer.code
        ) as nearest
    from older_gone as older
    inner join units as newer
        on
            older.next_vintage = newer.vintage
            and older.level = newer.level
            and older.parent_code = newer.parent_code
    left join newer_unexplained
        on
            newer.vintage = newer_unexplained.vintage
            and newer.code = newer_unexplained.code
    left join by_children
        on
            older.vintage = by_children.from_vintage
            and older.code = by_children.old_code
    where
        by_children.old_code is null
        and {{ one_name_holds_the_other('older.name_stem', 'newer.name_stem') }}
),

heirs_counted as (
    select
        namesakes.*,
        sum(case when is_unknown_heir then 1 else 0 end) over (partition by from_vintage, old_code) as unknown_heirs
    from namesakes
),

edges as (
    select
        {{ unit_pair_columns() }}
    from paired
    union all
    select
        {{ unit_pair_columns() }}
    from by_children
    union all
    select
        from_vintage,
        to_vintage,
        level,
        old_code,
        new_code,
        'contained_name' as reason
    from heirs_counted
    where
        case when unknown_heirs > 1 then is_unknown_heir else nearest = 1 end
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
    from newer_unexplained as newer
    left join counted
        on
            newer.vintage = counted.to_vintage
            and newer.code = counted.new_code
    where counted.new_code is null
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
            when traced.successors > 1 then 'split'
            when rules.change = 'merged' and traced.predecessors = 1 and traced.old_code = traced.new_code then 'renamed'
            when rules.change = 'merged' and traced.predecessors = 1 then 'moved'
            else rules.change
        end as change,
        traced.reason,
        rules.confidence,
        shares.children_share,
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
)

select * from final
