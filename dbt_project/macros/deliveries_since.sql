{#-
  CTEs up to `final`: the deliveries of some feeds that stand, beside those that stood when the model in hand was last built: feed, receipt,
  day, content, `change` (added, removed, none). It reads itself: what stood is what no longer says `removed`.
  `days`: staging model → the column that is the day of a row, for one row a day of a delivery; none for one row a delivery.
-#}
{% macro deliveries_since(days) -%}
attempts as (
    select * from {{ source('ledger', 'receipts') }}
),

accepted as (
    {%- for model, day in days.items() %}
    select
        _feed as feed,
        _receipt as receipt,
        {{ day or 'cast(null as date)' }} as day,
        count(*) as accepted_rows
    from {{ ref(model) }}
    group by _feed, _receipt{{ ', ' ~ day if day }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- The same receipt may hold other rows than before: its contract may have changed, or what came before it.
standing as (
    select
        accepted.feed,
        accepted.receipt,
        accepted.day,
        cast(accepted.accepted_rows as string) || ' ' || coalesce(attempts.row_checksum, '') as content
    from accepted
    left join attempts
        on
            accepted.receipt = attempts.receipt
            and attempts.is_latest
),

{{ since_last_built() }}
{%- endmacro %}

{#- CTEs up to `final`: what stands (`standing`: feed, receipt, day, content) beside what stood when the model in hand was last built. -#}
{% macro since_last_built() -%}
{%- set former = former_deliveries() -%}
stood as (
    select
        feed,
        receipt,
        day,
        content
    {%- if former %}
    from {{ former }}
    where change <> 'removed'
    {%- else %}
    from standing
    where feed is null
    {%- endif %}
),

final as (
    select
        coalesce(standing.feed, stood.feed) as feed,
        coalesce(standing.receipt, stood.receipt) as receipt,
        coalesce(standing.day, stood.day) as day,
        coalesce(standing.content, stood.content) as content,
        case
            when stood.receipt is null then 'added'
            when standing.receipt is null then 'removed'
            else 'none'
        end as change
    from standing
    full outer join stood
        on
            standing.feed = stood.feed
            and standing.receipt = stood.receipt
            and standing.day is not distinct from stood.day
            and standing.content = stood.content
)
{%- endmacro %}

{#- The table of the model in hand as the last build left it, if it has the same shape; none where there is nothing to read. -#}
{% macro former_deliveries() -%}
    {{ return(adapter.dispatch('former_deliveries', 'minsheng')()) }}
{%- endmacro %}

{#- An engine that drops a table before it builds it cannot read it meanwhile; it builds everything whole anyway. -#}
{% macro default__former_deliveries() -%}{{ return(none) }}{%- endmacro %}

{% macro duckdb__former_deliveries() -%}
    {%- set former = adapter.get_relation(this.database, this.schema, this.identifier) if execute and not flags.FULL_REFRESH -%}
    {#- A table of another shape was written by other code, which builds everything anyway. -#}
    {{ return(former if former and 'day' in adapter.get_columns_in_relation(former) | map(attribute='name') else none) }}
{%- endmacro %}
