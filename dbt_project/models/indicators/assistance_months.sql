with

reported as (
    select * from {{ ref('stg_civil_affairs__assistance') }}
),

dates as (
    select * from {{ ref('dim_date') }}
),

divisions as (
    select * from {{ ref('dim_division') }}
),

-- A change is sent as the whole row again.
newest as (
    {{ newest_row('reported', key=['benefit_id', '_sender']) }}
),

-- What ended before a sender's first file was never sent: its months begin there, and end with its last file.
spoken as (
    select
        _sender,
        {{ month_start('min(_received_at)') }} as first_month,
        {{ month_start('max(_received_at)') }} as last_month
    from reported
    group by _sender
),

months as (
    select distinct {{ month_start('date_day') }} as month
    from dates
),

final as (
    select
        newest._sender || '/' || newest.benefit_id as unit,
        coalesce(divisions.division_code, 'unknown') as division_code,
        months.month,
        newest.benefit_type,
        newest.disability_grade,
        newest.age_band,
        coalesce(newest.household_members, 1) as persons,
        newest.amount_yuan,
        cast(null as boolean) as is_on_time
    from newest
    inner join spoken on newest._sender = spoken._sender
    inner join months
        on
            spoken.first_month <= months.month
            and spoken.last_month >= months.month
            and newest.start_month <= months.month
            and coalesce(newest.end_month, cast('9999-12-31' as date)) >= months.month
    left join divisions on newest.division_code = divisions.division_code
)

select * from final
