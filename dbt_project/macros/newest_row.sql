{#-
  One row per key: the one received last, then the later row. For use in a CTE. Files of one second are told apart by the
  microseconds of `_received_at` (received, sender, file name: orchestration/intake/taking_in.py, in_order). `last`: a condition
  on rows that count only where the key has no other.
-#}
{% macro newest_row(relation, key, last=none) -%}
    select ranked.*
    from (
        select
            candidates.*,
            row_number() over (
                partition by {{ key | join(', ') }}
                order by {% if last %}case when {{ last }} then 1 else 0 end, {% endif %}_received_at desc, _receipt desc, _row desc
            ) as _newest
        from {{ relation }} as candidates
    ) as ranked
    where ranked._newest = 1
{%- endmacro %}
