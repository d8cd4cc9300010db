{#-
  One row per key: the one received last, then the later row. For use in a CTE. Files of one second are told apart by the
  microseconds of `_received_at` (received, sender, file name: orchestration/intake/taking_in.py, in_order).
-#}
{% macro newest_row(relation, key) -%}
    select ranked.*
    from (
        select
            candidates.*,
            row_number() over (
                partition by {{ key | join(', ') }}
                order by _received_at desc, _receipt desc, _row desc
            ) as _newest
        from {{ relation }} as candidates
    ) as ranked
    where ranked._newest = 1
{%- endmacro %}
