with

vintages as (
    select * from {{ ref('division_vintages') }}
),

unmatched as (
    select * from {{ ref('division_unmatched') }}
),

twins as (
    select * from {{ ref('division_twins') }}
),

refound as (
    select * from {{ ref('division_refound') }}
),

candidates as (
    select * from {{ ref('division_candidates') }}
),

apart as (
    {{ pairs_told_apart() }}
),

children as (
    select
        {{ unit_pair_columns() }}
    from twins
    union all
    select
        {{ unit_pair_columns() }}
    from refound
),

{{ child_witnesses('children') }},

-- What nobody has found again, and of the newer vintage what nobody knew.
nowhere as (
    select unmatched.*
    from unmatched
    left join refound as as_old
        on
            unmatched.vintage = as_old.from_vintage
            and unmatched.code = as_old.old_code
            and unmatched.side = 'older'
    left join refound as as_new
        on
            unmatched.vintage = as_new.to_vintage
            and unmatched.code = as_new.new_code
            and unmatched.side = 'newer'
    where as_old.old_code is null and as_new.new_code is null
),

-- One village that went there may be a namesake: two are asked for.
final as (
    select
        {{ unit_pair() }},
        'children_went_there' as reason,
        witnesses.children_share
    from witnesses
    inner join candidates as older
        on
            witnesses.from_vintage = older.vintage
            and witnesses.to_vintage = older.next_vintage
            and witnesses.old_code = older.code
    inner join vintages as newer
        on
            witnesses.to_vintage = newer.vintage
            and witnesses.new_code = newer.code
            and older.level = newer.level
    left join nowhere as gone
        on
            older.vintage = gone.vintage
            and older.code = gone.code
            and gone.side = 'older'
    left join nowhere as unexplained
        on
            newer.vintage = unexplained.vintage
            and newer.code = unexplained.code
            and unexplained.side = 'newer'
    left join apart
        on
            witnesses.to_vintage = apart.to_vintage
            and witnesses.old_code = apart.old_code
            and witnesses.new_code = apart.new_code
    where
        witnesses.children_share >= {{ var('division_split_share') }}
        and witnesses.children >= 2
        and (gone.code is not null or unexplained.code is not null)
        and apart.old_code is null
)

select * from final
