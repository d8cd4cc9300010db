{#-
  Spark reads a source by its name, so before a build every source becomes a table over the files that lie at its place; DuckDB reads
  the files themselves (`external_location`). Columns are those of the source's description; where it has none, those of the files.
-#}
{% macro register_sources() -%}
    {{ return(adapter.dispatch('register_sources', 'minsheng')()) }}
{%- endmacro %}

{% macro default__register_sources() -%}{%- endmacro %}

{% macro spark__register_sources() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'test') -%}
        {%- for source in graph.sources.values() -%}
            {%- set columns = [] -%}
            {%- for column in source.columns.values() -%}
                {%- do columns.append('`' ~ column.name ~ '` ' ~ column.data_type | replace('varchar', 'string')) -%}
            {%- endfor -%}
            {%- set path = modules.re.search("'([^'*]*)", source.meta.external_location).group(1) -%}
            {%- set table = source.schema ~ '.' ~ source.identifier -%}
            {%- do run_query('create schema if not exists ' ~ source.schema) -%}
            {%- do run_query('drop table if exists ' ~ table) -%}
            {%- do run_query(
                'create table ' ~ table ~ (' (' ~ columns | join(', ') ~ ')' if columns) ~ " using parquet options (path '" ~ path
                ~ "', pathGlobFilter '*.parquet', recursiveFileLookup 'true', mergeSchema 'true')"
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
