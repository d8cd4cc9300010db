with

reported as (
    select * from {{ ref('stg_civil_affairs__community_workers') }}
),

feeds as (
    select * from {{ ref('feeds') }}
    where code = 'civil_affairs.community_workers'
),

divisions as (
    select * from {{ ref('dim_division') }}
),

delivered as (
    {{ newest_delivery('reported', by=['month']) }}
),

newest as (
    {{ newest_row('delivered', key=['division_code', 'month']) }}
),

final as (
    select
        newest.division_code as unit,
        coalesce(divisions.division_code, 'unknown') as division_code,
        newest.month,
        newest.workers,
        newest.certified_social_workers,
        cast(newest._received_at as date)
        <= {{ add_days(month_end('newest.month'), 'cast(feeds.latency_days as int)') }} as is_on_time
    from newest
    cross join feeds
    left join divisions on newest.division_code = divisions.division_code
)

select * from final
