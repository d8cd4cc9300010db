{#-
  A CTE `effective`: what each version of a policy says, its own rows and the newest of earlier versions of the same policy and area for
  whatever it does not name. For use after a CTE `settings` with policy, area, version, valid_from, valid_to, `said`: what a row is about
  (a parameter, a part). A version without a last day holds until the next begins.
-#}
{% macro inherited_versions(said) -%}
versions as (
    select
        policy,
        area,
        version,
        valid_from,
        max(valid_to) as valid_to
    from settings
    group by policy, area, version, valid_from
),

steps as (
    select
        policy,
        area,
        version,
        valid_from,
        least(
            valid_to,
            coalesce(
                {{ add_days('lead(valid_from) over (partition by policy, area order by valid_from, version)', -1) }}, valid_to
            )
        ) as valid_to
    from versions
),

inherited as (
    select
        steps.policy,
        steps.area,
        steps.version,
        steps.valid_from,
        steps.valid_to,
        settings.{{ said }},
        settings.version as said_in_version,
        settings.value,
        settings.status,
        settings.source,
        row_number() over (
            partition by steps.policy, steps.area, steps.version, steps.valid_from, settings.{{ said }}
            order by settings.valid_from desc, (case when steps.version = settings.version then 0 else 1 end) asc
        ) as newest
    from steps
    inner join settings
        on
            steps.policy = settings.policy
            and steps.area = settings.area
            and steps.valid_from >= settings.valid_from
),

effective as (
    select * from inherited
    where newest = 1
)
{%- endmacro %}

{#- A CTE `settings` of a seed of policies: the rows of the chosen policy, and what the base policy says everywhere. -#}
{% macro chosen_settings(seed, said, value) -%}
settings as (
    select
        policy,
        version,
        coalesce(area, '') as area,
        valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        {{ said }},
        {{ value }} as value,
        status,
        source
    from {{ seed }}
    where
        policy = '{{ var("review_policy") }}'
        or (policy = '{{ var("base_policy") }}' and coalesce(area, '') = '')
)
{%- endmacro %}

{#-
  A CTE `nearest`, after `settings`, `inherited_versions` and a CTE `divisions`: what is said for each area (`for_area`) and time
  (`from_day`, `to_day`), where `place` is 1. What the nearest area says wins, then the wider areas of the same policy, then the base
  policy. `own_version` is null while an area has no rules of its own. With `base_fills_in`, everywhere is an area also where only the base policy
  speaks of it.
-#}
{% macro nearest_versions(said, base_fills_in=false) -%}
{#- Nearer than any wider area, and further than any: the area itself, and the base policy. -#}
{%- set own_area = 6 -%}
{%- set base_policy = -1 -%}
areas as (
    select distinct area from settings
    where policy = '{{ var("review_policy") }}'
    {%- if base_fills_in %}
    union distinct
    select '' as area
    {%- endif %}
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
        periods.valid_from as from_day,
        periods.valid_to as to_day,
        layered.*,
        max(case when layered.nearness = {{ own_area }} then layered.version end) over (
            partition by periods.for_area, periods.valid_from
        ) as own_version,
        row_number() over (
            partition by periods.for_area, periods.valid_from, layered.{{ said }}
            order by layered.nearness desc, layered.valid_from desc
        ) as place
    from periods
    inner join layered
        on
            periods.for_area = layered.for_area
            and {{ holds_on('layered', 'periods.valid_from') }}
)
{%- endmacro %}
