{#-
  A table that is built only when something it is made of has changed (docs/decisions/0014); otherwise last night's stands.

  What it is made of: its SQL as sent (a policy, a variable, another macro, the day it is), its columns, the engine, and each input: the
  files of a source by their bytes, a seed and a table by their rows, a view by its SQL and its inputs. The rows of a table are summed up
  once, when it is built, and stand in its comment: a table that came out as it was moves nothing after it. A table that lost
  its comment, or reads one that has none, is built. A model that reads `run_date()` is built each night, and its inputs are not looked at.
-#}
{% materialization table_if_changed, adapter='duckdb' -%}
    {%- set said, state = [none, none] if run_date() in compiled_code else run_query(said_and_true()).rows[0].values() -%}
    {%- if state and said == state and not should_full_refresh() -%}
        {%- do store_raw_result('main', message='UNCHANGED', code='UNCHANGED', rows_affected='0') -%}
        {{ return({'relations': [this.incorporate(type='table')]}) }}
    {%- endif -%}
    {%- set built = materialization_table_duckdb() -%}
    {%- set rows = run_query(sum_of_rows(this)).rows[0][0] -%}
    {%- do run_query("comment on table " ~ this ~ " is '" ~ (state or 'unknown') ~ " holding " ~ rows ~ "'") -%}
    {{ return(built) }}
{%- endmaterialization %}

{#-
  A query for what the table in hand says it was built from, and for what it would be built from now: null where an input does not say
  what it holds. One row, asked once a model: what dbt does around a query takes longer than the query.
-#}
{% macro said_and_true() -%}
    {%- set inputs = inputs_of(model) -%}
    {%- set parts = ["'" ~ local_md5(compiled_code ~ tojson(model.columns, sort_keys=true)) ~ "'", 'version()'] -%}
    {%- for id in inputs -%}
        {%- set input = graph.sources[id] if id.startswith('source.') else graph.nodes[id] -%}
        {%- if input.resource_type == 'source' -%}
            {%- do parts.append('(' ~ sum_of_source(input, inputs) ~ ')') -%}
        {%- elif input.resource_type == 'seed' -%}
            {%- do parts.append('(' ~ sum_of_rows(input.relation_name) ~ ')') -%}
        {%- elif input.config.materialized != 'ephemeral' -%}
            {%- set column = 'sql' if input.config.materialized == 'view' else 'holding' -%}
            {%- do parts.append("(select " ~ column ~ " from said where relation = '" ~ input.schema ~ '.' ~ input.alias ~ "')") -%}
        {%- endif -%}
    {%- endfor -%}
    with said as materialized (
        select
            schema_name || '.' || table_name as relation,
            split_part(comment, ' holding ', 1) as built_from,
            nullif(split_part(comment, ' holding ', 2), '') as holding,
            null as sql
        from duckdb_tables()
        where database_name = current_database()
        union all
        select schema_name || '.' || view_name, null, null, sql from duckdb_views()
        where database_name = current_database() and not internal
    )
    select
        (select built_from from said where relation = '{{ this.schema ~ '.' ~ this.identifier }}'),
        'built from ' || md5({{ parts | join(" || ',' || ") }})
{%- endmacro %}

{#- The ids of what a model reads and, through views, of what these read, in one order. -#}
{% macro inputs_of(node) -%}
    {%- set found = [] -%}
    {%- for id in node.depends_on.nodes -%}
        {%- do found.append(id) -%}
        {%- if id.startswith('model.') and graph.nodes[id].config.materialized in ('view', 'ephemeral') -%}
            {%- do found.extend(inputs_of(graph.nodes[id])) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found | unique | sort) }}
{%- endmacro %}

{#- A query for a checksum over rows, in whatever order they lie. -#}
{% macro sum_of_rows(relation) -%}
    select coalesce(sum(hash(counted)::hugeint), 0)::varchar from {{ relation }} as counted
{%- endmacro %}

{#- The same for a source: over the bytes of its files; for the ledger, over what it says of the feeds among `inputs`. -#}
{% macro sum_of_source(source, inputs) -%}
    {%- set location = source.meta.external_location -%}
    {%- if source.meta.feed_column -%}
        {%- set feeds = [] -%}
        {%- for id in inputs if id.startswith('source.') -%}
            {%- do feeds.append("'" ~ graph.sources[id].source_name ~ '.' ~ graph.sources[id].name ~ "'") -%}
        {%- endfor -%}
        {{ sum_of_rows(location) }} where {{ source.meta.feed_column }} in ({{ feeds | join(', ') }})
    {%- else -%}
        select md5(string_agg(md5(content), ',' order by md5(content)))
        from read_blob({{ modules.re.search("'[^']*'", location).group() }})
    {%- endif -%}
{%- endmacro %}
