{#- '1 09' for a Monday from nine to ten: weekday 1 Monday … 7 Sunday and hour of a timestamp, as text that sorts. -#}
{% macro weekday_hour(moment) -%}
    cast({{ iso_weekday('cast(' ~ moment ~ ' as date)') }} as string) || ' '
    || lpad(cast(extract(hour from {{ moment }}) as string), 2, '0')
{%- endmacro %}
