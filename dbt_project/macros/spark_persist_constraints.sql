{#-
  Spark does not enforce that a column of a Parquet table is not null, as DuckDB does while it writes; so it is asked after the table is
  written, and a null stops the build. dbt calls this for every table whose contract is enforced.
-#}
{% macro spark__persist_constraints(relation, model) -%}
    {%- set promised = [] -%}
    {%- for column in model.columns.values() if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
        {%- do promised.append(column.name) -%}
    {%- endfor -%}
    {%- if execute and promised -%}
        {%- set sums = [] -%}
        {%- for name in promised -%}{%- do sums.append('count(*) - count(' ~ name ~ ')') -%}{%- endfor -%}
        {%- set nulls = run_query('select ' ~ sums | join(', ') ~ ' from ' ~ relation).rows[0].values() -%}
        {%- for n in nulls if n > 0 -%}
            {{ exceptions.raise_compiler_error(relation ~ '.' ~ promised[loop.index0] ~ ' must not be null, and is in ' ~ n ~ ' rows') }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
