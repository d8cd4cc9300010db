{#-
  CTEs `ways_1` … `ways_<doublings>` after a CTE `ways_0`: each takes the ways of the one before twice as far. Only those on the way are
  taken further; who has arrived, or can go nowhere, rests. Each doubling reads the one before three times, and an engine that writes
  CTEs out reads its table 3^doublings times: more than three doublings are another model.
-#}
{% macro doubled_ways(doublings) -%}
    {%- for step in range(doublings) -%}
ways_{{ step + 1 }} as (
    select * from ways_{{ step }}
    where is_there
    union all
    select
        one.vintage,
        one.code,
        two.to_vintage,
        two.to_code,
        sum(one.weight * two.weight) as weight,
        min(least(one.confidence, two.confidence)) as confidence,
        max(greatest(one.method, two.method)) as method,
        two.is_there
    from ways_{{ step }} as one
    inner join ways_{{ step }} as two
        on
            one.to_vintage = two.vintage
            and one.to_code = two.code
    where not one.is_there
    group by one.vintage, one.code, two.to_vintage, two.to_code, two.is_there
){{ ',\n\n' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
