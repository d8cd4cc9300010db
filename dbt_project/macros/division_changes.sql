{#- What a unit of one vintage and its counterpart in the next are called in every table of changes. -#}
{% macro unit_pair(older='older', newer='newer') -%}
    {{ older }}.vintage as from_vintage,
        {{ newer }}.vintage as to_vintage,
        {{ older }}.level,
        {{ older }}.code as old_code,
        {{ newer }}.code as new_code
{%- endmacro %}

{#- The columns of `unit_pair` as they are called from then on, and what ties the two. -#}
{% macro unit_pair_columns() -%}
    from_vintage,
        to_vintage,
        level,
        old_code,
        new_code,
        reason
{%- endmacro %}

{#- The units that no pair of `pairs` names as its `side` (`old` or `new`); a query. -#}
{% macro units_without(units, pairs, side) -%}
    {%- set vintage = {'old': 'from_vintage', 'new': 'to_vintage'}[side] -%}
    select {{ units }}.*
    from {{ units }}
    left join {{ pairs }} as pairs
        on
            {{ units }}.vintage = pairs.{{ vintage }}
            and {{ units }}.code = pairs.{{ side }}_code
    where pairs.{{ side }}_code is null
{%- endmacro %}

{#- Joins `vintages` to the scope each unit is compared in: the vintages before and after that describe its level there. -#}
{% macro join_scopes() -%}
    inner join scopes
        on
            vintages.top_code = scopes.top_code
            and vintages.level = scopes.level
            and vintages.vintage = scopes.vintage
{%- endmacro %}

{#- The pairs of units that a person says are not one, whatever speaks for them; a query. -#}
{% macro pairs_told_apart() -%}
    select
        to_vintage,
        old_code,
        new_code
    from {{ ref('division_decided') }}
    where decision = 'different' and new_code is not null
{%- endmacro %}

{#-
  CTE `witnesses` after a CTE `vintages`: what became of the units below a unit, by `pairs`. The best witnesses of a merger, a split or
  another name.
-#}
{% macro child_witnesses(pairs) -%}
witnesses_counted as (
    select
        pairs.from_vintage,
        pairs.to_vintage,
        older.parent_code as old_code,
        newer.parent_code as new_code,
        count(*) as children
    from {{ pairs }} as pairs
    inner join vintages as older
        on
            pairs.from_vintage = older.vintage
            and pairs.old_code = older.code
    inner join vintages as newer
        on
            pairs.to_vintage = newer.vintage
            and pairs.new_code = newer.code
    group by pairs.from_vintage, pairs.to_vintage, older.parent_code, newer.parent_code
),

witnesses as (
    select
        from_vintage,
        to_vintage,
        old_code,
        new_code,
        children,
        cast(children as double)
        / sum(children) over (partition by from_vintage, to_vintage, old_code) as children_share
    from witnesses_counted
)
{%- endmacro %}
