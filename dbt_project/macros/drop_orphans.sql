{#- Before a build: tables whose model is gone or has moved to another schema leave the warehouse. dbt is its only writer, so
    whatever no model and no code list claims is such a leftover. -#}
{% macro drop_orphans() %}
    {%- if execute and target.type == 'duckdb' and flags.WHICH in ('build', 'run', 'seed') -%}
        {%- set claimed = [] -%}
        {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed') -%}
            {%- do claimed.append(node.schema ~ '.' ~ node.alias) -%}
        {%- endfor -%}
        {%- set standing = run_query(
            "select table_schema, table_name, table_type from information_schema.tables where table_catalog = '" ~ target.database ~ "'"
        ) -%}
        {%- for row in standing.rows if row[0] ~ '.' ~ row[1] not in claimed -%}
            {%- do run_query(
                'drop ' ~ ('view' if row[2] == 'VIEW' else 'table') ~ ' if exists ' ~ '"' ~ row[0] ~ '"."' ~ row[1] ~ '"'
            ) -%}
            {%- do log('dropped ' ~ row[0] ~ '.' ~ row[1] ~ ': no model of this name is left there') -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
