{#-
  A case number as a running number in a series: the last digits (at most four, so that a date before them stays in the name of
  the series) and what stands before them. A number without digits at its end is in no series: its `case_serial` is null.
-#}
{% macro case_serial(case_no) -%}
    cast(nullif(regexp_extract({{ case_no }}, '([0-9]{1,4})$', 1), '') as bigint)
{%- endmacro %}

{% macro case_series(case_no) -%}
    substr({{ case_no }}, 1, length({{ case_no }}) - length(regexp_extract({{ case_no }}, '([0-9]{1,4})$', 1)))
{%- endmacro %}
