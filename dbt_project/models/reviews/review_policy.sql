{#- What the nearest area says wins, then the wider areas of the same policy, then the base policy. -#}
{#- Nearer than any wider area, and further than any: the area itself, and the base policy. -#}
{%- set own_area = 6 -%}
{%- set base_policy = -1 -%}
with

seed as (
    select * from {{ ref('review_policies') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

settings as (
    select
        policy,
        version,
        coalesce(area, '') as area,
        valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        parameter,
        value,
        status,
        source
    from seed
    where
        policy = '{{ var("review_policy") }}'
        or (policy = '{{ var("base_policy") }}' and coalesce(area, '') = '')
),

{{ inherited_versions('parameter') }},

areas as (
    select distinct area from settings
    where policy = '{{ var("review_policy") }}'
),

-- An area and each wider area whose rules reach it; the nearer, the greater.
lineage as (
    select
        areas.area,
        wider.area as layer_area,
        case when wider.area = areas.area then {{ own_area }} else {{ area_nearness('wider.area', 'divisions') }} end as nearness
    from areas
    left join divisions on areas.area = divisions.division_code
    cross join areas as wider
),

layers as (
    select
        area,
        layer_area,
        nearness,
        '{{ var("review_policy") }}' as layer_policy
    from lineage
    where nearness is not null
    union all
    select
        area,
        '' as layer_area,
        {{ base_policy }} as nearness,
        '{{ var("base_policy") }}' as layer_policy
    from areas
),

layered as (
    select
        layers.area as for_area,
        layers.nearness,
        effective.*
    from layers
    inner join effective
        on
            layers.layer_area = effective.area
            and layers.layer_policy = effective.policy
),

turns as (
    select
        for_area,
        valid_from as turned_on
    from layered
    union distinct
    select
        for_area,
        {{ add_days('valid_to', 1) }} as turned_on
    from layered
    where valid_to < cast('9999-12-31' as date)
),

-- Between two turns nothing changes, so every parameter has one value.
periods as (
    select
        for_area,
        turned_on as valid_from,
        coalesce(
            {{ add_days('lead(turned_on) over (partition by for_area order by turned_on)', -1) }}, cast('9999-12-31' as date)
        ) as valid_to
    from turns
),

nearest as (
    select
        periods.for_area,
        periods.valid_from as from_day,
        periods.valid_to as to_day,
        layered.*,
        max(case when layered.nearness = {{ own_area }} then layered.version end) over (
            partition by periods.for_area, periods.valid_from
        ) as own_version,
        row_number() over (
            partition by periods.for_area, periods.valid_from, layered.parameter
            order by layered.nearness desc, layered.valid_from desc
        ) as place
    from periods
    inner join layered
        on
            periods.for_area = layered.for_area
            and {{ holds_on('layered', 'periods.valid_from') }}
),

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
