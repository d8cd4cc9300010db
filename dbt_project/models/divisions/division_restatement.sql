with

vintages as (
    select * from {{ ref('division_vintages') }}
),

scopes as (
    select * from {{ ref('division_scopes') }}
),

ways_0 as (
    select * from {{ ref('division_far_ways') }}
),

units as (
    select
        vintages.vintage,
        vintages.code,
        vintages.level,
        scopes.next_vintage
    from vintages
    {{ join_scopes() }}
),

-- Three doublings of eight vintages are 64.
{{ doubled_ways(3) }},

-- Ways that part may meet again.
arrived as (
    select
        vintage,
        code,
        to_vintage,
        to_code,
        sum(weight) as weight,
        min(confidence) as confidence,
        max(method) as method
    from ways_3
    group by vintage, code, to_vintage, to_code
),

final as (
    select
        cast(arrived.vintage as string) || ':' || arrived.code || '>' || arrived.to_code as restatement_key,
        arrived.code as division_code,
        arrived.vintage,
        units.next_vintage - 1 as last_year,
        units.level,
        arrived.to_code as restated_code,
        arrived.to_vintage as restated_vintage,
        arrived.weight,
        case arrived.method
            when 0 then 'same_vintage'
            when 1 then 'successor'
            when 2 then 'share_of_residents'
            when 3 then 'parent'
            else 'none'
        end as method,
        arrived.confidence
    from arrived
    inner join units
        on
            arrived.vintage = units.vintage
            and arrived.code = units.code
)

select * from final
