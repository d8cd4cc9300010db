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
