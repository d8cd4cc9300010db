with

deliveries as (
    select * from {{ ref('feed_health') }}
),

feeds as (
    select * from {{ ref('feeds') }}
),

stated as (
    select * from {{ ref('feed_senders') }}
),

days as (
    select * from {{ ref('dim_date') }}
    where date_day <= {{ run_date() }}
),

received as (
    select
        feeds.department,
        deliveries.feed,
        deliveries.sender,
        cast(deliveries.received_at as date) as received_on,
        {{ month_start('deliveries.received_at') }} as month,
        deliveries.verdict = 'accepted' as is_accepted,
        deliveries.allowed_days,
        deliveries.rows_received,
        deliveries.rows_accepted
    from deliveries
    inner join feeds on deliveries.feed = feeds.code
    where deliveries.is_latest and deliveries.received_at is not null
),

-- Who has handed over is late no longer.
senders as (
    select
        received.department,
        received.feed,
        received.sender,
        min(received.received_on) as first_on,
        coalesce(max(stated.expected_to), cast('9999-12-31' as date)) as last_on
    from received
    left join stated
        on
            received.feed = stated.feed
            and received.sender = stated.sender
    group by received.department, received.feed, received.sender
),

-- The days on which the newest accepted delivery was no older than allowed.
fresh as (
    select distinct
        received.feed,
        received.sender,
        days.date_day
    from received
    inner join days
        on
            received.received_on <= days.date_day
            and {{ add_days('received.received_on', 'received.allowed_days') }} >= days.date_day
    where received.is_accepted
),

timeliness as (
    select
        senders.department,
        days.month_start as month,
        count(*) as feed_days,
        count(fresh.date_day) as timely_feed_days
    from senders
    inner join days on days.date_day between senders.first_on and senders.last_on
    left join fresh
        on
            senders.feed = fresh.feed
            and senders.sender = fresh.sender
            and days.date_day = fresh.date_day
    group by senders.department, days.month_start
),

quality as (
    select
        department,
        month,
        sum(rows_received) as feed_rows,
        sum(rows_accepted) as feed_rows_accepted
    from received
    group by department, month
),

final as (
    select
        coalesce(timeliness.department, quality.department) as department,
        coalesce(timeliness.month, quality.month) as month,
        timeliness.feed_days,
        timeliness.timely_feed_days,
        cast(quality.feed_rows as bigint) as feed_rows,
        cast(quality.feed_rows_accepted as bigint) as feed_rows_accepted
    from timeliness
    full outer join quality
        on
            timeliness.department = quality.department
            and timeliness.month = quality.month
)

select * from final
