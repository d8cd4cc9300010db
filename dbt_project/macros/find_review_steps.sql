{#-
  From which state to which one tonight's deliveries lead the tables of reviews: [run, from, to] (see kept_and_mended).
  `from` is '' where something other than deliveries has changed (code, code maps, policies, divisions, the facility of a
  counter), where an upserted delivery went (which rows it had overruled nobody has kept), or where the tables are not in the
  state that the deliveries stood in: then they are built whole. Reads the tables as they are, so call it before they are mended.
-#}
{% macro find_review_steps() -%}
    {{ return(adapter.dispatch('find_review_steps', 'minsheng')()) }}
{%- endmacro %}

{% macro default__find_review_steps() -%}{{ return([invocation_id, '', '']) }}{%- endmacro %}

{% macro duckdb__find_review_steps() -%}
    {%- set whole = ['departments', 'department_codes', 'service_items', 'service_item_codes', 'review_channels', 'dim_review_policy'] -%}
    {%- set inputs = [] -%}
    {%- for name in whole %}{% do inputs.append(['kept', ref(name)]) %}{% endfor -%}
    {%- do inputs.append(
        ['(kept.division_code, kept.province_code, kept.city_code, kept.county_code, kept.town_code, kept.village_code)', ref('division_latest')]
    ) -%}
    {%- set deliveries, facilities = ref('review_deliveries'), ref('dim_facility') -%}
    {%- if not execute or load_relation(deliveries) is none %}{{ return([invocation_id, '', '']) }}{% endif -%}
    {%- set contacts = adapter.get_relation(this.database, this.schema, 'fct_contact') -%}
    {%- set judgements = adapter.get_relation(this.database, this.schema, 'review_judgements') -%}
    {%- set query -%}
        select
            md5(coalesce(string_agg(feed || receipt || content, ',' order by feed, receipt, content) filter (where change <> 'added'), '')),
            md5(coalesce(string_agg(feed || receipt || content, ',' order by feed, receipt, content) filter (where change <> 'removed'), '')),
            count(*) filter (where change = 'removed' and feed <> 'evaluation.contacts'),
            md5(concat_ws('|'
                {%- for columns, relation in inputs %}, (select sum(hash({{ columns }})::hugeint) from {{ relation }} as kept){% endfor -%}
            )),
            {%- if contacts %}
            (
                with here as (
                    select facility_code, min(facility_id) as facility_id from {{ facilities }} group by facility_code having count(*) = 1
                ),
                used as (select distinct facility_id from {{ contacts }} where facility_id is not null)
                select count(*)
                from used
                left join here as same on used.facility_id = same.facility_id
                left join here as found on used.facility_id = 'hall:' || found.facility_code
                where found.facility_id is not null or (same.facility_id is null and not starts_with(used.facility_id, 'hall:'))
            )
            {%- else %}
            0
            {%- endif %}
        from {{ deliveries }}
    {%- endset -%}
    {%- set former, now, gone, others, moved = run_query(query).rows[0].values() -%}
    {%- set code = env_var('MINSHENG_MODELS', '') -%}
    {%- set before, after = [former, others, code] | join('.'), [now, others, code] | join('.') -%}
    {%- set is_led_from = (
        contacts and judgements and not flags.FULL_REFRESH and not gone and not moved
        and built_from(contacts) == before and built_from(judgements) == before
    ) -%}
    {{ return([invocation_id, before if is_led_from else '', after]) }}
{%- endmacro %}
