{#-
  From which state to which one tonight's deliveries lead the tables that are updated by them: [run, from, to] (see update_in_place).
  `from` is '' where something other than deliveries has changed (code, code maps, policies, divisions, the facility of a
  counter, whose a contact number is), where an upserted delivery went (which rows it had overruled nobody has kept), or where the tables are not in the
  state that the deliveries stood in: then they are built whole. Reads the tables as they are, so call it before they are updated.
-#}
{% macro find_review_steps() -%}
    {{ return(adapter.dispatch('find_review_steps', 'minsheng')()) }}
{%- endmacro %}

{% macro default__find_review_steps() -%}{{ return([invocation_id, '', '']) }}{%- endmacro %}

{% macro duckdb__find_review_steps() -%}
    {%- set inputs = [] -%}
    {%- for name in ['departments', 'department_codes', 'service_items', 'service_item_codes', 'review_channels', 'dim_review_policy', 'contact_namesakes'] -%}
        {%- do inputs.append(['kept', ref(name)]) -%}
    {%- endfor -%}
    {%- do inputs.append(
        ['(kept.division_code, kept.province_code, kept.city_code, kept.county_code, kept.town_code, kept.village_code)', ref('division_latest')]
    ) -%}
    {%- set deliveries, facilities, codes = ref('review_deliveries'), ref('dim_facility'), ref('facility_codes') -%}
    {%- if not execute or load_relation(deliveries) is none or load_relation(codes) is none %}{{ return([invocation_id, '', '']) }}{% endif -%}
    {%- set contacts = adapter.get_relation(this.database, this.schema, 'fct_contact') -%}
    {%- set judgements = adapter.get_relation(this.database, this.schema, 'review_judgements') -%}
    {%- set query -%}
        select
            (select count(*) from {{ deliveries }} where change = 'removed' and feed <> 'evaluation.contacts'),
            {%- if contacts %}
            (
                with {{ facility_code_ctes() }},
                used as (
                    select distinct
                        placed.facility_id,
                        placed.sender as _sender,
                        case
                            when starts_with(placed.facility_id, 'hall:') then substr(placed.facility_id, 6) else known.facility_code
                        end as facility_code
                    from {{ contacts }} as placed
                    left join {{ facilities }} as known on placed.facility_id = known.facility_id
                    where placed.facility_id is not null
                )
                select count(*)
                from used
                {{ facility_code_joins('used') }}
                where used.facility_id is distinct from {{ facility_of_code('used') }}
            )
            {%- else %}
            0
            {%- endif %}
    {%- endset -%}
    {%- set gone, moved = run_query(query).rows[0].values() -%}
    {{ return(steps_by_deliveries(deliveries, inputs, [contacts, judgements], is_barred=gone or moved)) }}
{%- endmacro %}

{#- The same for the sums of volumes; a month of a snapshot is summed anew from its newest delivery, so nothing bars the way. -#}
{% macro find_volume_steps() -%}
    {{ return(adapter.dispatch('find_volume_steps', 'minsheng')()) }}
{%- endmacro %}

{% macro default__find_volume_steps() -%}{{ return([invocation_id, '', '']) }}{%- endmacro %}

{% macro duckdb__find_volume_steps() -%}
    {%- set inputs = [] -%}
    {%- for name in ['service_items', 'service_item_codes', 'volume_service_items'] -%}
        {%- do inputs.append(['kept', ref(name)]) -%}
    {%- endfor -%}
    {#- Whose facility a volume is changes only where two senders use one code. -#}
    {%- set codes = ref('facility_codes') -%}
    {%- do inputs.append([
        '(kept.facility_id, kept.facility_code, kept.sender)',
        "(select * from " ~ codes ~ " where codes_of = 'sender' and senders > 1)",
    ]) -%}
    {%- if not execute or load_relation(codes) is none %}{{ return([invocation_id, '', '']) }}{% endif -%}
    {{ return(steps_by_deliveries(this, inputs, [adapter.get_relation(this.database, this.schema, 'service_volume_sums')])) }}
{%- endmacro %}

{#- The same for what is added up from standard tables: a year's residents and villages are read beside every month of it. -#}
{% macro find_indicator_steps() -%}
    {{ return(adapter.dispatch('find_indicator_steps', 'minsheng')()) }}
{%- endmacro %}

{% macro default__find_indicator_steps() -%}{{ return([invocation_id, '', '']) }}{%- endmacro %}

{% macro duckdb__find_indicator_steps() -%}
    {%- set names = ['indicators', 'indicator_groups', 'indicator_rules', 'division_levels', 'dim_division_history', 'division_restatement'] -%}
    {%- for table in indicator_measures() if table.is_yearly %}{% do names.append(table.table) %}{% endfor -%}
    {%- set inputs = [] -%}
    {%- for name in names %}{% do inputs.append(['kept', ref(name)]) %}{% endfor -%}
    {%- if not execute or load_relation(inputs[0][1]) is none %}{{ return([invocation_id, '', '']) }}{% endif -%}
    {{ return(steps_by_deliveries(this, inputs, [])) }}
{%- endmacro %}

{#- The steps of `tables` that are made of `deliveries` and of `inputs` (columns, relation); no way leads where it `is_barred`.
  Without `tables` each is in a state of its own, and asks whether the way leads from there (is_updatable). -#}
{% macro steps_by_deliveries(deliveries, inputs, tables, is_barred=false) -%}
    {%- set query -%}
        select
            md5(coalesce(string_agg(feed || receipt || content, ',' order by feed, receipt, content) filter (where change <> 'added'), '')),
            md5(coalesce(string_agg(feed || receipt || content, ',' order by feed, receipt, content) filter (where change <> 'removed'), '')),
            md5(concat_ws('|'
                {%- for columns, relation in inputs %}, coalesce((select sum(hash({{ columns }})::hugeint) from {{ relation }} as kept), 0){% endfor -%}
            ))
        from {{ deliveries }}
    {%- endset -%}
    {%- set former, now, others = run_query(query).rows[0].values() -%}
    {%- set code = env_var('MINSHENG_MODELS', '') -%}
    {%- set before, after = [former, others, code] | join('.'), [now, others, code] | join('.') -%}
    {%- set led = [] -%}
    {%- for table in tables if table and comment_of(table) == before %}{% do led.append(table) %}{% endfor -%}
    {%- set is_led_from = led | length == tables | length and not flags.FULL_REFRESH and not is_barred -%}
    {{ return([invocation_id, before if is_led_from else '', after]) }}
{%- endmacro %}
