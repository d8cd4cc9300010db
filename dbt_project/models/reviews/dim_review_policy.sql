{#- What the nearest area says wins, then the wider areas of the same policy, then the base policy. -#}
{%- set parameters = review_policy_parameters() -%}
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
        value
    from seed
),

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

layered as (
    select
        lineage.area,
        lineage.nearness,
        settings.version,
        settings.valid_from,
        settings.valid_to,
        settings.parameter,
        settings.value
    from lineage
    inner join settings
        on
            lineage.layer_area = settings.area
            and settings.policy = '{{ var("review_policy") }}'
    where lineage.nearness is not null
    union all
    select
        areas.area,
        {{ base_policy }} as nearness,
        settings.version,
        settings.valid_from,
        settings.valid_to,
        settings.parameter,
        settings.value
    from areas
    cross join settings
    where settings.policy = '{{ var("base_policy") }}' and settings.area = ''
),

turns as (
    select
        area,
        valid_from as turned_on
    from layered
    union distinct
    select
        area,
        {{ add_days('valid_to', 1) }} as turned_on
    from layered
    where valid_to < cast('9999-12-31' as date)
),

-- Between two turns nothing changes, so every parameter has one value.
periods as (
    select
        area,
        turned_on as valid_from,
        coalesce(
            {{ add_days('lead(turned_on) over (partition by area order by turned_on)', -1) }}, cast('9999-12-31' as date)
        ) as valid_to
    from turns
),

nearest as (
    select
        periods.area,
        periods.valid_from,
        periods.valid_to,
        layered.nearness,
        layered.version,
        layered.parameter,
        layered.value,
        row_number() over (
            partition by periods.area, periods.valid_from, layered.parameter
            order by layered.nearness desc, layered.valid_from desc
        ) as place
    from periods
    inner join layered
        on
            periods.area = layered.area
            and {{ holds_on('layered', 'periods.valid_from') }}
),

-- An area whose own rules are not in force has no row: the wider area's rows hold there.
final as (
    select
        '{{ var("review_policy") }}' as policy,
        max(case when nearness = {{ own_area }} then version end) as version,
        area,
        valid_from,
        valid_to,
        {%- for parameter in parameters %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }}{{ ',' if not loop.last }}
        {%- endfor %}
    from nearest
    where place = 1
    group by area, valid_from, valid_to
    having max(case when nearness = {{ own_area }} then version end) is not null
)

select * from final
