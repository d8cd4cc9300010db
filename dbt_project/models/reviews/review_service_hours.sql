with

reviews as (
    select * from {{ ref('fct_review') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
),

final as (
    select
        reviews.contact_month as month,
        reviews.department_code,
        reviews.service_item_code,
        reviews.facility_id,
        reviews.window_no,
        cast(contacts.closed_at as date) as served_on,
        {{ weekday_hour('contacts.closed_at') }} as hour,
        cast(count(*) as bigint) as reviews,
        cast(sum(case when reviews.verdict = 'bad' then 1 else 0 end) as bigint) as bad
    from reviews
    inner join contacts on reviews.contact_id = contacts.contact_id
    where reviews.is_active and reviews.review_no = 1
    group by
        reviews.contact_month, reviews.department_code, reviews.service_item_code, reviews.facility_id, reviews.window_no,
        cast(contacts.closed_at as date), {{ weekday_hour('contacts.closed_at') }}
)

select * from final
