{#-
  Whether a model's query gives the columns its description promises, by the names of their types. dbt asks the engine for the promised
  types as well, and puts each column of both into words by macros of their own; it is asked only where something differs, and says what.
-#}
{% macro duckdb__get_assert_columns_equivalent(sql) -%}
    {%- set called = {'TEXT': 'VARCHAR', 'INT': 'INTEGER'} -%}
    {%- set given = get_column_schema_from_query(sql, config.get('sql_header', none)) -%}
    {%- set given = dict(zip(given | map(attribute='name'), given | map(attribute='dtype'))) -%}
    {%- set promised = {} -%}
    {%- for column in model['columns'].values() -%}
        {%- do promised.update({column['name']: called.get(column['data_type'] | upper, column['data_type'] | upper)}) -%}
    {%- endfor -%}
    {%- if given != promised -%}{{ return(assert_columns_equivalent(sql)) }}{%- endif -%}
{%- endmacro %}
