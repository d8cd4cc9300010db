with

coverage as (
    select * from {{ ref('sender_coverage') }}
    where lost_days > 0
),

contacts as (
    select * from {{ ref('fct_contact') }}
    where closed_month is not null
),

reviews as (
    select * from {{ ref('review_judgements') }}
),

-- Of which places a sender's rows speak, month by month.
spoken_of as (
    select distinct
        'evaluation.contacts' as feed,
        sender,
        coalesce(facility_id, division_code) as place,
        closed_month as month
    from contacts
    union all
    select distinct
        'evaluation.reviews' as feed,
        sender,
        place,
        counted_month as month
    from reviews
),

-- A sender that has spoken of a place in the twelve months before is expected to speak of it.
final as (
    select
        coverage.month,
        spoken_of.place,
        coverage.feed,
        coverage.sender
    from coverage
    inner join spoken_of
        on
            coverage.feed = spoken_of.feed
            and coverage.sender = spoken_of.sender
            and spoken_of.month between {{ add_months('coverage.month', -12) }} and coverage.month
    group by coverage.month, spoken_of.place, coverage.feed, coverage.sender
)

select * from final
