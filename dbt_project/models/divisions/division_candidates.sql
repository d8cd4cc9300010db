with

vintages as (
    select * from {{ ref('division_vintages') }}
),

scopes as (
    select * from {{ ref('division_scopes') }}
),

decided as (
    select * from {{ ref('division_decided') }}
    where decision = 'same'
),

decided_older as (
    select distinct
        from_vintage,
        old_code
    from decided
),

decided_newer as (
    select distinct
        to_vintage,
        new_code
    from decided
    where new_code is not null
),

-- Nobody looks for the counterpart of a unit that a person has found.
final as (
    select
        vintages.vintage,
        vintages.level,
        vintages.code,
        vintages.name,
        vintages.name_stem,
        vintages.parent_code,
        vintages.parent_stem,
        vintages.grandparent_code,
        vintages.grandparent_stem,
        vintages.top_code,
        case when decided_newer.new_code is null then scopes.previous_vintage end as previous_vintage,
        case when decided_older.old_code is null then scopes.next_vintage end as next_vintage
    from vintages
    {{ join_scopes() }}
    left join decided_older
        on
            vintages.vintage = decided_older.from_vintage
            and vintages.code = decided_older.old_code
    left join decided_newer
        on
            vintages.vintage = decided_newer.to_vintage
            and vintages.code = decided_newer.new_code
)

select * from final
