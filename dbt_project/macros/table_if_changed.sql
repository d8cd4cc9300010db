{#-
  A table that is built only when something it is made of has changed (docs/decisions/0014); otherwise last night's stands.

  What it is made of: its SQL as sent (a policy, a variable, another macro, the day it is), its columns, the engine, and each input: the
  files of a source by their bytes, a seed and a table by their rows, a view by its SQL and its inputs. The rows of a table are summed up
  once, when it is built, and stand in its comment: a table that came out as it was moves nothing after it. A table that lost
  its comment, or reads one that has none, is built. A model that reads `run_date()` is built each night, and its inputs are not looked at.
-#}
{% materialization table_if_changed, adapter='duckdb' -%}
    {%- set state = state_of_inputs() -%}
    {%- if state and not should_full_refresh() and built_from(this) == state -%}
        {%- do store_raw_result('main', message='UNCHANGED', code='UNCHANGED', rows_affected='0') -%}
        {{ return({'relations': [this.incorporate(type='table')]}) }}
    {%- endif -%}
    {%- set built = materialization_table_duckdb() -%}
    {%- set rows = run_query(sum_of_rows(this)).rows[0][0] -%}
    {%- do run_query("comment on table " ~ this ~ " is '" ~ (state or 'unknown') ~ " holding " ~ rows ~ "'") -%}
    {{ return(built) }}
{%- endmaterialization %}

{#- A checksum of everything that the model in hand is made of; '' where nobody can say. -#}
{% macro state_of_inputs() -%}
    {%- if run_date() in compiled_code %}{{ return('') }}{% endif -%}
    {%- set said = said_by_relations() -%}
    {%- set inputs = inputs_of(model) -%}
    {%- set parts = [compiled_code, tojson(model.columns, sort_keys=true)] -%}
    {%- set counts = ['select version()'] -%}
    {%- for id in inputs -%}
        {%- set input = graph.sources[id] if id.startswith('source.') else graph.nodes[id] -%}
        {%- if input.resource_type == 'source' -%}
            {%- do counts.append(sum_of_source(input, inputs)) -%}
        {%- elif input.resource_type == 'seed' -%}
            {%- do counts.append(sum_of_rows(input.relation_name)) -%}
        {%- else -%}
            {%- set comment = said.get(input.schema ~ '.' ~ input.alias, '') -%}
            {%- set is_table = input.config.materialized not in ('view', 'ephemeral') -%}
            {%- if is_table and ' holding ' not in comment %}{{ return('') }}{% endif -%}
            {%- do parts.append(comment.split(' holding ')[1] if is_table else comment) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do parts.extend(run_query('select (' ~ counts | join('), (') ~ ')').rows[0].values()) -%}
    {{ return('built from ' ~ local_md5(parts | join('\n'))) }}
{%- endmacro %}

{#- What the catalogue says of each relation: the comment of a table, the SQL of a view. -#}
{% macro said_by_relations() -%}
    {%- set query -%}
        select schema_name || '.' || table_name, coalesce(comment, '') from duckdb_tables()
        where database_name = current_database()
        union all
        select schema_name || '.' || view_name, sql from duckdb_views()
        where database_name = current_database() and not internal
    {%- endset -%}
    {%- set said = {} -%}
    {%- for name, text in run_query(query).rows %}{% do said.update({name: text}) %}{% endfor -%}
    {{ return(said) }}
{%- endmacro %}

{#- The ids of what a model reads and, through views, of what these read; in one order. -#}
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
