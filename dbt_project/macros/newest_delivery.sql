{#-
  Rows of the newest delivery of a snapshot feed, per sender and per `by` (the fields a delivery replaces).
  Files of one second are told apart by the microseconds of `_received_at` (orchestration/intake/taking_in.py, in_order).
  `relation` names a CTE or relation that carries the door's columns. Returns a query for use in a CTE.
-#}
{% macro newest_delivery(relation, by=[]) -%}
    {%- set scope = ['_sender'] + by -%}
    select delivered.*
    from {{ relation }} as delivered
    inner join (
        select {{ scope | join(', ') }}, _receipt
        from (
            select
                {{ scope | join(', ') }}, _receipt,
                row_number() over (
                    partition by {{ scope | join(', ') }}
                    order by max(_received_at) desc, _receipt desc
                ) as newest
            from {{ relation }}
            group by {{ scope | join(', ') }}, _receipt
        ) as deliveries
        where newest = 1
    ) as kept
        on
            delivered._receipt = kept._receipt
            {%- for field in scope %}
            and delivered.{{ field }} = kept.{{ field }}
            {%- endfor %}
{%- endmacro %}
