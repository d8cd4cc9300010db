with

units as (
    select * from {{ ref('division_candidates') }}
),

apart as (
    {{ pairs_told_apart() }}
),

twins as (
    select * from {{ ref('division_twins') }}
),

same_codes as (
    select * from {{ ref('division_same_codes') }}
),

shares as (
    select * from {{ ref('division_child_shares') }}
),

paired as (
    select
        {{ unit_pair_columns() }}
    from twins
    union all
    select
        {{ unit_pair_columns() }}
    from same_codes
),

older_gone as (
    {{ units_without('units', 'paired', side='old') }}
    and units.next_vintage is not null
),

newer_unexplained as (
    {{ units_without('units', 'paired', side='new') }}
    and units.previous_vintage is not null
),

by_children as (
    {{ heirs_by_children('shares', 'units', 'units', 'older_gone', 'newer_unexplained') }}
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

found as (
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

final as (
    select found.*
    from found
    left join apart
        on
            found.to_vintage = apart.to_vintage
            and found.old_code = apart.old_code
            and found.new_code = apart.new_code
    where apart.old_code is null
)

select * from final
