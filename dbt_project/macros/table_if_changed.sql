{#-
  A table that is built only when something it is made of has changed (docs/decisions/0014); otherwise last night's stands.

  What it is made of: its SQL as sent (a policy, a variable, another macro, the day it is), its columns, and each input: the files of
  a source by their bytes, a seed by its rows, a table by the state that it says itself it was built from, a view by its SQL and
  its inputs. A table that lost its comment, or reads one that says nothing, is built. The day would be another input each
  night: a model that reads `run_date()` says nothing.
-#}
{% materialization table_if_changed, adapter='duckdb' -%}
    {%- set state = state_of_inputs() -%}
    {%- if state and not should_full_refresh() and built_from(this) == state -%}
        {%- do store_raw_result('main', message='UNCHANGED', code='UNCHANGED', rows_affected='0') -%}
        {{ return({'relations': [this.incorporate(type='table')]}) }}
    {%- endif -%}
    {%- set built = materialization_table_duckdb() -%}
    {%- if state %}{% do run_query("comment on table " ~ this ~ " is '" ~ state ~ "'") %}{% endif -%}
    {{ return(built) }}
{%- endmaterialization %}

{#- A checksum of everything that the model in hand is made of; '' where nobody can say. -#}
{% macro state_of_inputs() -%}
    {%- if run_date() in compiled_code %}{{ return('') }}{% endif -%}
    {%- set found = direct_inputs(model) -%}
    {%- set said = {} -%}
    {%- for row in run_query(
        "select schema_name || '.' || table_name, coalesce(comment, '') from duckdb_tables() where database_name = current_database()"
        ~ " union all select schema_name || '.' || view_name, sql from duckdb_views() where database_name = current_database()"
        ~ " and not internal"
    ).rows %}{% do said.update({row[0]: row[1]}) %}{% endfor -%}
    {%- set parts = [compiled_code, tojson(model.columns, sort_keys=true)] -%}
    {%- set counted = [] -%}
    {%- for id in found | sort -%}
        {%- set input = graph.sources[id] if id.startswith('source.') else graph.nodes[id] -%}
        {%- if input.resource_type == 'source' -%}
            {%- do counted.append(source_content(input, found)) -%}
        {%- elif input.resource_type == 'seed' -%}
            {%- do counted.append("select sum(hash(kept)::hugeint)::varchar from " ~ input.relation_name ~ " as kept") -%}
        {%- else -%}
            {%- set state = said.get(input.schema ~ '.' ~ input.alias, '') -%}
            {%- if input.config.materialized not in ('view', 'ephemeral') and not state.startswith('built from ') %}{{ return('') }}{% endif -%}
            {%- do parts.append(state) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if counted -%}
        {%- set query = "select coalesce((" ~ counted | join("), ''), coalesce((") ~ "), '')" -%}
        {%- do parts.extend(run_query(query).rows[0].values()) -%}
    {%- endif -%}
    {{ return('built from ' ~ local_md5(parts | join('\n'))) }}
{%- endmacro %}

{#- What a model reads: the ids of its inputs and, of those that are no tables, of their inputs. -#}
{% macro direct_inputs(node) -%}
    {%- set found = [] -%}
    {%- for id in node.depends_on.nodes -%}
        {%- do found.append(id) -%}
        {%- if id.startswith('model.') and graph.nodes[id].config.materialized in ('view', 'ephemeral') -%}
            {%- do found.extend(direct_inputs(graph.nodes[id])) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found | unique | list) }}
{%- endmacro %}

{#- A query for the checksum of a source's files; of the ledger, of what it says of the feeds that stand among the `inputs`. -#}
{% macro source_content(input, inputs) -%}
    {%- set location = input.meta.external_location -%}
    {%- if input.meta.feed_column -%}
        {%- set feeds = [] -%}
        {%- for id in inputs if id.startswith('source.') -%}
            {%- do feeds.append("'" ~ graph.sources[id].source_name ~ '.' ~ graph.sources[id].name ~ "'") -%}
        {%- endfor -%}
        {{ return(
            'select sum(hash(kept)::hugeint)::varchar from ' ~ location ~ ' as kept where ' ~ input.meta.feed_column
            ~ ' in (' ~ feeds | join(', ') ~ ')'
        ) }}
    {%- endif -%}
    {{ return('select md5(string_agg(md5(content), chr(10) order by md5(content))) from read_blob(' ~ modules.re.search("'[^']*'", location).group() ~ ')') }}
{%- endmacro %}
