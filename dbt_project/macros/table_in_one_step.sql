{#-
  A table is made beside the one that stands and takes its place, in one transaction and two statements: a model may read what it was.
  dbt-duckdb's own way renames the old table, renames the new one and drops the old one by a macro each, which took a seventh of a
  night of a small city; it also sees to indexes, grants, foreign keys and comments, of which the warehouse has none.
-#}
{% materialization table, adapter='duckdb' -%}
    {%- set standing = load_cached_relation(this) -%}
    {%- set made = make_intermediate_relation(this.incorporate(type='table')) -%}
    {%- do drop_relation_if_exists(load_cached_relation(made)) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {{ create_table_as(False, made, compiled_code) }}
    {%- endcall %}
    {% call statement('take_its_place') -%}
        {% if standing is not none %}drop {{ standing.type }} if exists {{ standing }};{% endif %}
        alter table {{ made }} rename to {{ adapter.quote(this.identifier) }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{%- endmaterialization %}
