{#-
  A seed is read again only when its file or its column types have changed; its table says in its comment which file it holds. Of a file
  of more than a megabyte dbt takes no checksum: it is read each night.
-#}
{% materialization seed, adapter='duckdb' -%}
    {%- set state = 'read from ' ~ model.checksum.checksum ~ local_md5(tojson(config.get('column_types', {}), sort_keys=true)) -%}
    {%- if model.checksum.name == 'sha256' and comment_of(this) == state and not flags.FULL_REFRESH -%}
        {%- do store_result('agate_table', response='UNCHANGED') -%}
        {%- do store_raw_result('main', message='UNCHANGED', code='UNCHANGED', rows_affected='0') -%}
        {{ return({'relations': [this.incorporate(type='table')]}) }}
    {%- endif -%}
    {%- set read = materialization_seed_default() -%}
    {%- do run_query("comment on table " ~ this ~ " is '" ~ state ~ "'") -%}
    {{ return(read) }}
{%- endmaterialization %}
