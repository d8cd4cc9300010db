{#-
  A sender's code → the platform's code. The sender's own row of the map wins, then the row for everyone (*), then a code that is
  the platform's already; anything else is 'unknown' and is counted, never dropped.
  `code_map_joins` adds the three joins for `table`.`column`; `mapped_code` reads them. `map` and `own` name CTEs of the model
  (the seed of sent codes, the seed of the platform's codes); `target` is the column of the map that holds the platform's code.
-#}
{% macro code_map_joins(table, column, map, own, sender='_sender') -%}
    left join {{ map }} as senders_{{ map }}
        on
            {{ table }}.{{ column }} = senders_{{ map }}.sent_code
            and {{ table }}.{{ sender }} = senders_{{ map }}.sender
    left join {{ map }} as everyones_{{ map }}
        on
            {{ table }}.{{ column }} = everyones_{{ map }}.sent_code
            and everyones_{{ map }}.sender = '*'
    left join {{ own }} as own_{{ own }} on {{ table }}.{{ column }} = own_{{ own }}.code
{%- endmacro %}

{% macro mapped_code(map, own, target) -%}
    coalesce(senders_{{ map }}.{{ target }}, everyones_{{ map }}.{{ target }}, own_{{ own }}.code, 'unknown')
{%- endmacro %}
