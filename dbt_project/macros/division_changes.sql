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
