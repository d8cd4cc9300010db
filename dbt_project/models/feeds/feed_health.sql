with

receipts as (
    select * from {{ source('ledger', 'receipts') }}
),

quarantine as (
    select * from {{ source('ledger', 'quarantine') }}
),

feeds as (
    select * from {{ ref('feeds') }}
),

problems as (
    select
        receipt,
        sum(first_affected_rows) as rows_with_problems
    from {{ ref('feed_problem') }}
    group by receipt
),

reasons as (
    select
        _receipt as receipt,
        field,
        rule,
        count(*) as times
    from quarantine
    where severity = 'error'
    group by _receipt, field, rule
),

commonest as (
    select
        reasons.*,
        row_number() over (partition by receipt order by times desc, rule asc, field asc) as place
    from reasons
),

attempts as (
    select
        cast(attempt_id as string) as attempt_id,
        cast(receipt as string) as receipt,
        cast(feed as string) as feed,
        cast(sender as string) as sender,
        cast(file_name as string) as file_name,
        cast(received_at as timestamp) as received_at,
        cast(attempted_at as timestamp) as attempted_at,
        cast(size_bytes as bigint) as size_bytes,
        cast(format as string) as format,
        cast(encoding as string) as encoding,
        cast(rows_received as bigint) as rows_received,
        cast(rows_accepted as bigint) as rows_accepted,
        cast(rows_quarantined as bigint) as rows_quarantined,
        cast(rows_warned as bigint) as rows_warned,
        cast(seconds as double) as seconds,
        cast(verdict as string) as verdict,
        cast(reason_code as string) as reason_code,
        cast(message_zh as string) as message_zh,
        cast(message_en as string) as message_en,
        cast(contract_version as string) as contract_version,
        cast(layout_version as string) as layout_version,
        cast(superseded_by as string) as superseded_by,
        cast(is_latest as boolean) as is_latest
    from receipts
),

accepted as (
    select
        feed,
        sender,
        max(received_at) as last_accepted_at
    from attempts
    where verdict = 'accepted' and is_latest
    group by feed, sender
),

final as (
    select
        attempts.attempt_id,
        attempts.feed,
        attempts.sender,
        attempts.receipt,
        attempts.file_name,
        attempts.received_at,
        attempts.verdict,
        attempts.is_latest,
        attempts.reason_code,
        attempts.message_zh,
        attempts.message_en,
        attempts.rows_received,
        attempts.rows_accepted,
        attempts.rows_quarantined,
        attempts.rows_warned,
        {{ ratio('attempts.rows_quarantined', 'attempts.rows_received') }} as quarantined_share,
        case when coalesce(attempts.rows_received, 0) = 0 then 'no_rows_received' end as quarantined_share_null_reason,
        commonest.field as commonest_field,
        commonest.rule as commonest_reason,
        cast(commonest.times as bigint) as commonest_reason_rows,
        cast(coalesce(problems.rows_with_problems, 0) as bigint) as rows_with_problems,
        attempts.size_bytes,
        attempts.format,
        attempts.encoding,
        attempts.seconds,
        attempts.contract_version,
        attempts.layout_version,
        attempts.superseded_by,
        accepted.last_accepted_at,
        cast({{ days_between('cast(accepted.last_accepted_at as date)', run_date()) }} as bigint) as days_since_last_accepted,
        cast(feeds.frequency_days + feeds.latency_days as bigint) as allowed_days,
        coalesce(
            {{ days_between('cast(accepted.last_accepted_at as date)', run_date()) }}
            > feeds.frequency_days + feeds.latency_days,
            true
        ) as is_overdue
    from attempts
    left join accepted
        on
            attempts.feed = accepted.feed
            and attempts.sender = accepted.sender
    left join feeds on attempts.feed = feeds.code
    left join problems
        on
            attempts.receipt = problems.receipt
            and attempts.is_latest
    left join commonest
        on
            attempts.receipt = commonest.receipt
            and commonest.place = 1
)

select * from final
