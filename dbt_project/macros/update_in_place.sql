{#-
  Tables that grow with history are kept from night to night, and only the rows that a delivery touches are written again.
  Tonight's deliveries are compared with those the tables were last made of (deliveries_since); the difference says which rows go and
  which are made anew, in one transaction. Each table says in its comment which deliveries, other inputs and code it was made of
  (`<deliveries>.<inputs>.<code>`, three checksums), and find_steps says from which such state to which one tonight's deliveries lead.
  A table in any other state is built whole, so that a night that broke, another policy or other code costs time and never a wrong row.
  Engines without such comments build whole every night (docs/decisions/0014).
-#}

{#- The materialisation of a table that is kept. -#}
{% macro kept() -%}
    {{ return('incremental' if target.type == 'duckdb' else 'table') }}
{%- endmacro %}

{#- The comment of a table; '' where there is no table or it has none. -#}
{% macro comment_of(relation) -%}
    {{ return(adapter.dispatch('comment_of', 'minsheng')(relation)) }}
{%- endmacro %}

{% macro default__comment_of(relation) -%}{{ return('') }}{%- endmacro %}

{% macro duckdb__comment_of(relation) -%}
    {%- set found = run_query(
        "select coalesce(comment, '') from duckdb_tables() where database_name = current_database() and schema_name = '"
        ~ relation.schema ~ "' and table_name = '" ~ relation.identifier ~ "'"
    ) -%}
    {{ return(found.rows[0][0] if found.rows else '') }}
{%- endmacro %}

{#- Writes on the table in which state it is; for a hook after the model. -#}
{% macro say_built_from(state) -%}
    {%- if target.type == 'duckdb' and execute %}comment on table {{ this }} is '{{ state }}'{% endif -%}
{%- endmacro %}

{#-
  What tonight's table of what arrived says of the way it leads: the run it was made in, the state it leads from ('' for none) and the
  one it leads to. The model in hand names that table in `meta.steps`; tables of reviews go by `review_delta`.
-#}
{% macro steps_of(name) -%}
    {%- set schema = graph.nodes['model.minsheng.' ~ name].schema if execute -%}
    {%- set said = comment_of(api.Relation.create(database=this.database, schema=schema, identifier=name)) -%}
    {{ return(said.split(' ') if said else ['', '', '']) }}
{%- endmacro %}

{% macro own_steps() -%}{{ return(steps_of(model.config.meta.get('steps', 'review_delta'))) }}{%- endmacro %}

{#- Whether what arrived leads from the state this model's table is in to tonight's. -#}
{% macro is_updatable() -%}
    {%- set steps = own_steps() -%}
    {{ return(steps[0] == invocation_id and steps[1] != '' and steps[1] == comment_of(this)) }}
{%- endmacro %}

{#- For a hook after a kept model: it is in tonight's state, if it was this run that found out what that is. -#}
{% macro say_updated() -%}
    {%- if execute -%}
        {%- set steps = own_steps() -%}
        {{ say_built_from(steps[2] if steps[0] == invocation_id else 'unknown') }}
    {%- endif -%}
{%- endmacro %}

{#- For a hook before a kept model: takes out the rows that are to be made anew. -#}
{% macro take_out(condition) -%}
    {%- if is_incremental() %}delete from {{ this }} where {{ condition }}{% endif -%}
{%- endmacro %}

{#- dbt's own question, asked of every incremental model: a table that cannot be updated is built whole. -#}
{% macro should_full_refresh() -%}
    {%- set asked = config.get('full_refresh') -%}
    {%- set asked = flags.FULL_REFRESH if asked is none else asked -%}
    {%- set is_kept = model is defined and model.config.materialized == 'incremental' -%}
    {{ return(asked or (execute and is_kept and not is_updatable())) }}
{%- endmacro %}

{#- Where a model is updated, only rows of contacts that tonight's deliveries touch; for use after a `from`. -#}
{% macro of_touched_contacts() -%}
    {%- if is_incremental() %}where (case_no, contact_no) in (select case_no, contact_no from {{ ref('review_delta') }}){% endif -%}
{%- endmacro %}

{#- The same for a test: after a build of everything, everything. -#}
{% macro of_updated_contacts() -%}
    {%- set delta = ref('review_delta') -%}
    {%- set steps = steps_of('review_delta') if execute else ['', '', ''] -%}
    {%- if steps[0] == invocation_id and steps[1] %}where (case_no, contact_no) in (select case_no, contact_no from {{ delta }}){% endif -%}
{%- endmacro %}
