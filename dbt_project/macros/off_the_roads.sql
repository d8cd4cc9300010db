{#-
  Rows of a CTE with division_code and circle_type whose community has no distances over walked ways, so that straight lines hold. `roads` is a
  CTE of road_distances.
-#}
{% macro off_the_roads(rows) -%}
    select {{ rows }}.*
    from {{ rows }}
    left join roads
        on
            {{ rows }}.division_code = roads.division_code
            and {{ rows }}.circle_type = roads.circle_type
            and roads.is_nearest
    where roads.division_code is null
{%- endmacro %}
