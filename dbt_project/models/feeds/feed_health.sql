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

senders as (
    select * from {{ ref('feed_senders') }}
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

-- As often as the contract says, or the list of senders of this one.
expected as (
    select distinct
        attempts.feed,
        attempts.sender,
        senders.expected_to,
        cast(
            coalesce(senders.frequency_days, feeds.frequency_days) + coalesce(senders.latency_days, feeds.latency_days) as bigint
        ) as allowed_days
    from attempts
    left join feeds on attempts.feed = feeds.code
    left join senders
        on
            attempts.feed = senders.feed
            and attempts.sender = senders.sender
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
        expected.allowed_days,
        -- A sender that has handed over is expected no longer.
        coalesce(expected.expected_to >= {{ run_date() }}, true)
        and coalesce(
            {{ days_between('cast(accepted.last_accepted_at as date)', run_date()) }} > expected.allowed_days, true
        ) as is_overdue
    from attempts
    left join accepted
        on
            attempts.feed = accepted.feed
            and attempts.sender = accepted.sender
    left join expected
        on
            attempts.feed = expected.feed
            and attempts.sender = expected.sender
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
