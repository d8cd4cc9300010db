{{ config(materialized="table") }}
{#- Reads itself: what stood when it was last built is what no longer says `removed`. -#}
{%- set feeds = ['contacts', 'reviews', 'rectifications'] -%}
{%- set former = adapter.get_relation(this.database, this.schema, this.identifier) if execute and not flags.FULL_REFRESH -%}
with

attempts as (
    select * from {{ source('ledger', 'receipts') }}
),

{% for feed in feeds -%}
{{ feed }} as (
    select * from {{ ref('stg_evaluation__' ~ feed) }}
),

{% endfor -%}
accepted as (
    {%- for feed in feeds %}
    select
        _feed as feed,
        _receipt as receipt,
        count(*) as accepted_rows
    from {{ feed }}
    group by _feed, _receipt
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- The same receipt may hold other rows than before: its contract may have changed, or what came before it.
standing as (
    select
        accepted.feed,
        accepted.receipt,
        cast(accepted.accepted_rows as string) || ' ' || coalesce(attempts.row_checksum, '') as content
    from accepted
    left join attempts
        on
            accepted.receipt = attempts.receipt
            and attempts.is_latest
),

stood as (
    {%- if former %}
    select
        feed,
        receipt,
        content
    from {{ former }}
    where change <> 'removed'
    {%- else %}
    select
        feed,
        receipt,
        content
    from standing
    where feed is null
    {%- endif %}
),

final as (
    select
        coalesce(standing.feed, stood.feed) as feed,
        coalesce(standing.receipt, stood.receipt) as receipt,
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
            and standing.content = stood.content
)

select * from final
