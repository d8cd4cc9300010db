{#-
  A case number as a running number in a series: at most four digits, so that a date before them stays in the name of the series,
  and what stands around them. They are the last ones, but for a short code of the hall behind three digits or more
  (S0000123B07: 123 of the series S000#B07). A number without such digits is in no series: its `case_serial` is null.
-#}
{% macro case_serial(case_no) -%}
    cast(
        case
            when {{ ends_in_digits(case_no) }} then regexp_extract({{ case_no }}, '([0-9]{1,4})$', 1)
            else nullif(coalesce(
                nullif(regexp_extract({{ case_no }}, '{{ digits_before_a_code() }}', 2), ''),
                regexp_extract({{ case_no }}, '([0-9]{1,4})$', 1)
            ), '')
        end as bigint
    )
{%- endmacro %}

{% macro case_series(case_no) -%}
    case
        when {{ ends_in_digits(case_no) }}
            then substr({{ case_no }}, 1, length({{ case_no }}) - length(regexp_extract({{ case_no }}, '([0-9]{1,4})$', 1)))
        when regexp_extract({{ case_no }}, '{{ digits_before_a_code() }}', 2) <> ''
            then
                regexp_extract({{ case_no }}, '{{ digits_before_a_code() }}', 1) || '#'
                || regexp_extract({{ case_no }}, '{{ digits_before_a_code() }}', 3)
        else substr({{ case_no }}, 1, length({{ case_no }}) - length(regexp_extract({{ case_no }}, '([0-9]{1,4})$', 1)))
    end
{%- endmacro %}

{#- Most numbers end in three digits or more. No code stands behind those, and it need not be looked for, which takes long. -#}
{% macro ends_in_digits(case_no) -%}
    length({{ case_no }}) > 2 and translate(substr({{ case_no }}, length({{ case_no }}) - 2), '0123456789', '') = ''
{%- endmacro %}

{% macro digits_before_a_code() -%}
    ^(.*?)([0-9]{3,4})([^0-9]+[0-9]{0,2}[^0-9]*)$
{%- endmacro %}
