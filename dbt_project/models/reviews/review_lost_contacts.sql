{%- set dimensions = contact_dimensions() -%}
with

coverage as (
    select * from {{ ref('sender_coverage') }}
    where feed = 'evaluation.contacts'
),

contacts as (
    select * from {{ ref('fct_contact') }}
    where closed_month is not null
),

silent_places as (
    select * from {{ ref('review_silent_places') }}
    where feed = 'evaluation.contacts'
),

silent as (
    select * from coverage
    where lost_days > 0
),

usual_days as (
    select
        silent.sender,
        silent.month,
        silent.lost_days,
        sum(coverage.covered_days) as covered_days
    from silent
    inner join coverage
        on
            silent.sender = coverage.sender
            and coverage.month between {{ add_months('silent.month', -12) }} and silent.month
    group by silent.sender, silent.month, silent.lost_days
),

sent as (
    select
        sender,
        closed_month as month,
        coalesce(facility_id, division_code) as place,
        {%- for dimension in dimensions %}
        coalesce({{ dimension }}, '{{ 'none' if dimension == 'facility_id' else 'unknown' }}') as {{ dimension }},
        {%- endfor %}
        count(*) as contacts
    from contacts
    group by sender, closed_month, coalesce(facility_id, division_code), {{ dimensions | join(', ') }}
),

-- What the sender used to send a day, here and in the twelve months before, for as many days as are lost.
final as (
    select
        usual_days.month,
        {{ prefixed('sent', dimensions) }},
        cast(coalesce(
            sum(sent.contacts * cast(usual_days.lost_days as double) / nullif(usual_days.covered_days, 0)), 0
        ) as double) as lost_contacts
    from usual_days
    inner join sent
        on
            usual_days.sender = sent.sender
            and sent.month between {{ add_months('usual_days.month', -12) }} and usual_days.month
    inner join silent_places
        on
            usual_days.sender = silent_places.sender
            and usual_days.month = silent_places.month
            and sent.place = silent_places.place
    group by usual_days.month, {{ prefixed('sent', dimensions) }}
)

select * from final
