{#- Which rows tell on what days a delivery says something: feed, model, day of a row, its sender and receipt. -#}
{%- set sides = {
    'evaluation.contacts': ('contacts', 'cast(closed_at as date)'),
    'evaluation.reviews': ('reviews', 'reviewed_on'),
} -%}
with

attempts as (
    select
        feed,
        sender,
        receipt,
        file_name,
        verdict,
        received_at,
        cast(received_at as date) as received_on
    from {{ source('ledger', 'receipts') }}
    where
        is_latest
        and received_at is not null
        and feed in ('{{ sides | join("', '") }}')
),

feeds as (
    select * from {{ ref('feeds') }}
),

senders as (
    select * from {{ ref('feed_senders') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
),

reviews as (
    select * from {{ ref('review_judgements') }}
),

calendar as (
    select * from {{ ref('dim_date') }}
    where date_day < {{ run_date() }}
),

delivered_days as (
    {%- for feed, (model, day) in sides.items() %}
    select
        '{{ feed }}' as feed,
        sender,
        receipt,
        {{ day }} as day,
        count(*) as delivered_rows
    from {{ model }}
    where {{ day }} is not null
    group by sender, receipt, {{ day }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

usual as (
    select
        delivered_days.*,
        avg(delivered_rows) over (partition by feed, sender, receipt) as usual_rows
    from delivered_days
),

spoken as (
    select
        usual.feed,
        usual.sender,
        usual.receipt,
        usual.day,
        coalesce(senders.frequency_days, feeds.frequency_days)
        + coalesce(senders.latency_days, feeds.latency_days) as allowed_days,
        count(*) over (partition by usual.feed, usual.sender, usual.receipt) as days_spoken,
        lag(usual.day) over (partition by usual.feed, usual.sender, usual.receipt order by usual.day) as day_before
    from usual
    inner join feeds on usual.feed = feeds.code
    left join senders
        on
            usual.feed = senders.feed
            and usual.sender = senders.sender
    where usual.delivered_rows >= {{ var('sender_straggler_share') }} * usual.usual_rows
),

runs as (
    select
        spoken.*,
        sum(case when {{ days_between('day_before', 'day') }} <= greatest(allowed_days, days_spoken) then 0 else 1 end) over (
            partition by feed, sender, receipt
            order by day
        ) as run_no
    from spoken
),

-- The days that a delivery speaks of, quiet ones between two of its days among them, but no gap longer than what it speaks of.
spans as (
    select
        feed,
        sender,
        receipt,
        run_no,
        min(day) as first_day,
        max(day) as last_day
    from runs
    group by feed, sender, receipt, run_no
),

-- A refused or held file that came again and was accepted is no loss.
replaced as (
    select distinct failed.receipt
    from attempts as failed
    inner join attempts as better
        on
            failed.feed = better.feed
            and failed.sender = better.sender
            and failed.file_name = better.file_name
            and failed.received_at <= better.received_at
            and better.verdict = 'accepted'
    where failed.verdict in ('refused', 'held', 'withdrawn')
),

arrivals as (
    select
        attempts.feed,
        attempts.sender,
        attempts.received_on,
        attempts.verdict
    from attempts
    left join replaced on attempts.receipt = replaced.receipt
    where attempts.verdict in ('accepted', 'refused', 'held', 'withdrawn') and replaced.receipt is null
),

beginnings as (
    select
        feed,
        sender,
        min(day) as begun_on
    from (
        select
            feed,
            sender,
            received_on as day,
            1 as is_arrival
        from arrivals
        union all
        select
            feed,
            sender,
            first_day as day,
            0 as is_arrival
        from spans
    ) as signs
    group by feed, sender
    having max(is_arrival) = 1
),

-- A sender is expected by itself: that another delivers the same feed covers nothing of it.
expected as (
    select
        coalesce(beginnings.feed, senders.feed) as feed,
        coalesce(beginnings.sender, senders.sender) as sender,
        coalesce(senders.expected_from, beginnings.begun_on) as expected_from,
        coalesce(senders.expected_to, cast('9999-12-31' as date)) as expected_to,
        cast(coalesce(senders.frequency_days, feeds.frequency_days) as bigint) as frequency_days,
        cast(
            coalesce(senders.frequency_days, feeds.frequency_days) + coalesce(senders.latency_days, feeds.latency_days) as bigint
        ) as allowed_days
    from beginnings
    full outer join senders
        on
            beginnings.feed = senders.feed
            and beginnings.sender = senders.sender
    inner join feeds on coalesce(beginnings.feed, senders.feed) = feeds.code
    where coalesce(senders.expected_from, beginnings.begun_on) is not null
),

days as (
    select
        expected.feed,
        expected.sender,
        expected.frequency_days,
        expected.allowed_days,
        calendar.date_day,
        calendar.month_start,
        calendar.is_workday
    from expected
    inner join calendar on calendar.date_day between expected.expected_from and expected.expected_to
),

-- What arrived when a day's file should have.
signs as (
    select
        days.feed,
        days.sender,
        days.date_day,
        max(case
            when arrivals.verdict <> 'accepted' and {{ add_days('days.date_day', 'days.frequency_days') }} >= arrivals.received_on
                then arrivals.verdict
        end) as failed_verdict,
        max(case
            when arrivals.received_on > days.date_day
                and {{ add_days('days.date_day', 'days.frequency_days') }} >= arrivals.received_on then 1 else 0
        end) as is_sent,
        max(case
            when arrivals.verdict = 'accepted' and arrivals.received_on > days.date_day
                and {{ add_days('days.date_day', 'days.allowed_days') }} >= arrivals.received_on then 1 else 0
        end) as is_in_time,
        max(case when arrivals.verdict = 'accepted' and arrivals.received_on > days.date_day then 1 else 0 end) as is_later_sent
    from days
    inner join arrivals
        on
            days.feed = arrivals.feed
            and days.sender = arrivals.sender
            and days.date_day <= arrivals.received_on
    group by days.feed, days.sender, days.date_day
),

spoken_of as (
    select distinct
        days.feed,
        days.sender,
        days.date_day
    from days
    inner join spans
        on
            days.feed = spans.feed
            and days.sender = spans.sender
            and days.date_day between spans.first_day and spans.last_day
),

told as (
    select
        days.feed,
        days.sender,
        days.month_start as month,
        case
            when spoken_of.date_day is not null then 'covered'
            when signs.failed_verdict is not null then signs.failed_verdict
            when coalesce(signs.is_in_time, 0) = 1 and (days.is_workday or signs.is_sent = 1) then 'covered'
            when not days.is_workday and coalesce(signs.is_sent, 0) = 0 then 'not_expected'
            when {{ add_days('days.date_day', 'days.allowed_days') }} >= {{ run_date() }} then 'not_due'
            when signs.is_later_sent = 1 then 'late'
            else 'missing'
        end as state
    from days
    left join spoken_of
        on
            days.feed = spoken_of.feed
            and days.sender = spoken_of.sender
            and days.date_day = spoken_of.date_day
    left join signs
        on
            days.feed = signs.feed
            and days.sender = signs.sender
            and days.date_day = signs.date_day
),

final as (
    select
        feed,
        sender,
        month,
        count(case when state not in ('not_expected', 'not_due') then 1 end) as expected_days,
        count(case when state = 'covered' then 1 end) as covered_days,
        count(case when state in ('refused', 'held', 'withdrawn', 'late', 'missing') then 1 end) as lost_days,
        {%- for state in ['refused', 'held', 'withdrawn', 'late', 'missing'] %}
        count(case when state = '{{ state }}' then 1 end) as {{ state }}_days{{ ',' if not loop.last }}
        {%- endfor %}
    from told
    group by feed, sender, month
)

select * from final
