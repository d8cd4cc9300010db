with

vintages as (
    select * from {{ ref('division_vintages') }}
),

twins as (
    select * from {{ ref('division_twins') }}
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

final as (
    select
        from_vintage,
        to_vintage,
        old_code,
        new_code,
        cast(children as double)
        / sum(children) over (partition by from_vintage, to_vintage, old_code) as children_share
    from witnesses
)

select * from final
