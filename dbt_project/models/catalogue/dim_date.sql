with

overrides as (
    select * from {{ ref(place().calendar_exceptions) }}
),

digits as (
    {%- for digit in range(10) %}
    select {{ digit }} as digit{{ ' union all' if not loop.last }}
    {%- endfor %}
),

numbers as (
    select thousands.digit * 1000 + hundreds.digit * 100 + tens.digit * 10 + ones.digit as n
    from digits as thousands
    cross join digits as hundreds
    cross join digits as tens
    cross join digits as ones
),

days as (
    select {{ add_days("cast('" ~ var('calendar_from') ~ "' as date)", 'n') }} as date_day
    from numbers
    where n < {{ var('calendar_days') }}
),

announced as (
    select max(extract(year from day)) as last_year from overrides
),

judged as (
    select
        days.date_day,
        {{ iso_weekday('days.date_day') }} as weekday,
        coalesce(
            overrides.is_workday, {{ iso_weekday('days.date_day') }} in ({{ place().workdays | join(', ') }})
        ) as is_workday,
        overrides.reason_zh as exception_zh,
        overrides.reason_en as exception_en,
        extract(year from days.date_day) > announced.last_year as is_provisional
    from days
    cross join announced
    left join overrides on days.date_day = overrides.day
),

final as (
    select
        date_day,
        cast(extract(year from date_day) as bigint) as year,
        cast(extract(quarter from date_day) as bigint) as quarter,
        cast(extract(month from date_day) as bigint) as month,
        {{ month_start('date_day') }} as month_start,
        cast(weekday as bigint) as weekday,
        is_workday,
        -- Working days since the calendar began, this day included: a deadline is a sum, not a search.
        cast(sum(case when is_workday then 1 else 0 end) over (order by date_day) as bigint) as workday_no,
        is_provisional,
        exception_zh,
        exception_en
    from judged
)

select * from final
