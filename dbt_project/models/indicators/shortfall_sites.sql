{#-
  Greedy maximal covering: again and again the site that brings most residents within reach who are not yet. No set of as many
  sites reaches more than 1 / (1 − 1/e) = 1.58 times as many residents (Nemhauser, Wolsey and Fisher 1978).
-#}
with

found_0 as (
    select
        register_code,
        circle_type,
        site_code,
        division_code,
        residents,
        cast(null as bigint) as site_order,
        cast(null as string) as chosen_code
    from {{ ref('shortfall_pairs') }}
),

{% for n in range(1, var('covering_sites') + 1) %}
gained_{{ n }} as (
    select
        found_{{ n - 1 }}.*,
        sum(case when site_order is null then residents else 0 end) over (
            partition by register_code, circle_type, site_code
        ) as gain
    from found_{{ n - 1 }}
),

best_{{ n }} as (
    select
        gained_{{ n }}.*,
        first_value(site_code) over (
            partition by register_code, circle_type
            order by gain desc, site_code asc
        ) as best_code
    from gained_{{ n }}
),

reached_{{ n }} as (
    select
        best_{{ n }}.*,
        max(case when site_code = best_code and gain > 0 then 1 else 0 end) over (
            partition by register_code, circle_type, division_code
        ) as is_reached
    from best_{{ n }}
),

found_{{ n }} as (
    select
        register_code,
        circle_type,
        site_code,
        division_code,
        residents,
        coalesce(site_order, case when is_reached = 1 then {{ n }} end) as site_order,
        coalesce(chosen_code, case when is_reached = 1 then best_code end) as chosen_code
    from reached_{{ n }}
),
{% endfor %}

final as (
    select
        register_code,
        circle_type,
        division_code,
        cast(max(residents) as bigint) as residents,
        cast(max(site_order) as bigint) as site_order,
        max(chosen_code) as site_code
    from found_{{ var('covering_sites') }}
    group by register_code, circle_type, division_code
)

select * from final
