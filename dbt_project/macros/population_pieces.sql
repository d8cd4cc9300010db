{#-
  CTEs `accounted` and `pieces`, from one named `reports` of population_reports: figures that overlap nowhere, each division's own
  less what is reported below it. They sum to the whole.
-#}
{% macro population_pieces(measures) -%}
-- What the divisions reporting below a division account for of its figure.
accounted as (
    select
        reported_above as division_code,
        year,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from reports
    where reported_above is not null
    group by reported_above, year
),

pieces as (
    select
        reports.division_code,
        reports.vintage,
        reports.year,
        {%- for measure in measures %}
        reports.{{ measure }} - coalesce(accounted.{{ measure }}, 0) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from reports
    left join accounted
        on
            reports.division_code = accounted.division_code
            and reports.year = accounted.year
            and not reports.is_part
)
{%- endmacro %}
