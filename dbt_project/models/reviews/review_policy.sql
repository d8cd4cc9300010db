with

seed as (
    select * from {{ ref('review_policies') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

{{ chosen_settings('seed', 'parameter', 'value') }},

{{ inherited_versions('parameter') }},

{{ nearest_versions('parameter') }},

-- An area whose own rules are not in force has no row: the wider area's rows hold there.
final as (
    select
        '{{ var("review_policy") }}' as policy,
        own_version as version,
        for_area as area,
        from_day as valid_from,
        to_day as valid_to,
        parameter,
        value,
        policy as said_by_policy,
        area as said_by_area,
        said_in_version as said_by_version,
        status,
        source
    from nearest
    where place = 1 and own_version is not null
)

select * from final
