{#-
  Tables that are kept from night to night and mended where something arrived (docs/decisions/0014).

  What a model was built from stands on its table as a comment, written in the transaction that writes its rows:
  `<deliveries>.<other inputs>.<code> holding <rows>`, three checksums and a name that changes with the rows. `review_delta` and
  `volume_deliveries` say from which such state to which one tonight's deliveries lead; a table in any other state is built whole. So a
  night that broke half-way costs a rebuild, never a wrong row.
  Engines without such a comment build whole every night.
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

{#- The state that a table says it was built from, and which rows it says it holds: two of the same name hold the same. -#}
{% macro built_from(relation) -%}{{ return(comment_of(relation).split(' holding ')[0]) }}{%- endmacro %}

{% macro holding(relation) -%}{{ return(comment_of(relation).partition(' holding ')[2]) }}{%- endmacro %}

{#- Writes on the table in which state it is, and what it holds; for a hook after the model. -#}
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
{% macro is_mendable() -%}
    {%- set steps = own_steps() -%}
    {{ return(steps[0] == invocation_id and steps[1] != '' and steps[1] == built_from(this)) }}
{%- endmacro %}

{#-
  For a hook after a kept model: it is in tonight's state, if it was this run that found out what that is. Rows that nothing
  moved are still called what they were called, so that tables made of them stand (macros/table_if_changed.sql).
-#}
{% macro say_mended() -%}
    {%- if execute -%}
        {%- set steps = own_steps() -%}
        {%- set is_same = is_incremental() and steps[1] == steps[2] and holding(this) != '' -%}
        {%- set rows = holding(this) if is_same else invocation_id -%}
        {{ say_built_from((steps[2] if steps[0] == invocation_id else 'unknown') ~ ' holding ' ~ rows) }}
    {%- endif -%}
{%- endmacro %}

{#- For a hook before a kept model: takes out the rows that are to be made anew. -#}
{% macro take_out(condition) -%}
    {%- if is_incremental() %}delete from {{ this }} where {{ condition }}{% endif -%}
{%- endmacro %}

{#- dbt's own question, asked of every incremental model: a table that cannot be mended is built whole. -#}
{% macro should_full_refresh() -%}
    {%- set asked = config.get('full_refresh') -%}
    {%- set asked = flags.FULL_REFRESH if asked is none else asked -%}
    {%- set is_kept = model is defined and model.config.materialized == 'incremental' -%}
    {{ return(asked or (execute and is_kept and not is_mendable())) }}
{%- endmacro %}

{#- Where a model is mended, only rows of contacts that tonight's deliveries touch; for use after a `from`. -#}
{% macro of_touched_contacts() -%}
    {%- if is_incremental() %}where (case_no, contact_no) in (select case_no, contact_no from {{ ref('review_delta') }}){% endif -%}
{%- endmacro %}

{#- The same for a test: after a build of everything, everything. -#}
{% macro of_mended_contacts() -%}
    {%- set delta = ref('review_delta') -%}
    {%- set steps = steps_of('review_delta') if execute else ['', '', ''] -%}
    {%- if steps[0] == invocation_id and steps[1] %}where (case_no, contact_no) in (select case_no, contact_no from {{ delta }}){% endif -%}
{%- endmacro %}
