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
    where contact_id is not null and validity <> 'duplicate'
),

policies as (
    select * from {{ ref('dim_review_policy') }}
    where area = ''
),

-- Of which places a sender's rows speak, month by month, each contact once: who sends a review over and over speaks once.
said as (
    select
        'evaluation.contacts' as feed,
        sender,
        coalesce(facility_id, division_code) as place,
        closed_month as month,
        count(*) as contacts
    from contacts
    group by sender, coalesce(facility_id, division_code), closed_month
    union all
    select
        'evaluation.reviews' as feed,
        sender,
        place,
        counted_month as month,
        count(distinct contact_id) as contacts
    from reviews
    group by sender, place, counted_month
),

lost_months as (
    select distinct
        feed,
        month
    from coverage
),

-- What was said of a place in the month and the twelve before, by each sender.
said_in_year as (
    select
        lost_months.month,
        said.feed,
        said.place,
        said.sender,
        sum(said.contacts) as contacts
    from lost_months
    inner join said
        on
            lost_months.feed = said.feed
            and said.month between {{ add_months('lost_months.month', -12) }} and lost_months.month
    group by lost_months.month, said.feed, said.place, said.sender
),

shared as (
    select
        said_in_year.*,
        case when coverage.sender is not null then 1 else 0 end as is_silent,
        sum(said_in_year.contacts) over (
            partition by said_in_year.month, said_in_year.feed, said_in_year.place
        ) as contacts_of_all,
        sum(case when coverage.sender is not null then said_in_year.contacts else 0 end) over (
            partition by said_in_year.month, said_in_year.feed, said_in_year.place
        ) as contacts_of_silent
    from said_in_year
    left join coverage
        on
            said_in_year.feed = coverage.feed
            and said_in_year.sender = coverage.sender
            and said_in_year.month = coverage.month
),

-- Senders that usually speak of a place, together: no stranger's silence counts, and nobody is silent through many small senders.
final as (
    select
        shared.month,
        shared.place,
        shared.feed,
        shared.sender
    from shared
    left join policies
        on {{ holds_on('policies', 'shared.month') }}
    where
        shared.is_silent = 1
        and shared.contacts_of_silent >= coalesce(policies.usual_sender_share, 0) * shared.contacts_of_all
)

select * from final
