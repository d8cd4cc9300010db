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

shares as (
    select * from {{ ref('division_child_shares') }}
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
paired as (
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

told as (
    select paired.*
    from paired
    left join apart
        on
            paired.to_vintage = apart.to_vintage
            and paired.old_code = apart.old_code
            and paired.new_code = apart.new_code
    where apart.old_code is null
),

final as (
    select
        {{ unit_pair_columns() }}
    from told
    where reason is not null
)

select * from final
