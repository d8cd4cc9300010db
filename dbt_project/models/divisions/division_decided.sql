with

decisions as (
    select * from {{ ref('division_change_decisions') }}
),

vintages as (
    select * from {{ ref('division_vintages') }}
),

scopes as (
    select * from {{ ref('division_scopes') }}
),

units as (
    select
        vintages.vintage,
        vintages.level,
        vintages.code,
        scopes.next_vintage
    from vintages
    {{ join_scopes() }}
),

-- A unit that lives on nowhere has no counterpart; a code that the newer vintage does not hold decides nothing.
final as (
    select
        older.vintage as from_vintage,
        decisions.to_vintage,
        older.level,
        decisions.old_code,
        newer.code as new_code,
        decisions.decision
    from decisions
    inner join units as older
        on
            decisions.to_vintage = older.next_vintage
            and decisions.old_code = older.code
    left join vintages as newer
        on
            decisions.to_vintage = newer.vintage
            and decisions.new_code = newer.code
            and older.level = newer.level
    where decisions.new_code is null or newer.code is not null
)

select * from final
