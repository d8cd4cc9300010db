with

attempts as (
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
        {{ prefixed('attempts', receipt_columns()) }},
        {{ ratio('attempts.rows_quarantined', 'attempts.rows_received') }} as quarantined_share,
        case when coalesce(attempts.rows_received, 0) = 0 then 'no_rows_received' end as quarantined_share_null_reason,
        commonest.field as commonest_field,
        commonest.rule as commonest_reason,
        cast(commonest.times as bigint) as commonest_reason_rows,
        cast(coalesce(problems.rows_with_problems, 0) as bigint) as rows_with_problems,
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
