-- A code that a contract allows has a standard type.
{{ config(meta={'dagster': {'ref': {'name': 'facility_type_codes'}}}) }}
with

allowed as (
    select
        'health.institutions' as feed,
        code
    from {{ ref('institution_categories') }}
    union all
    select
        'sports.venues' as feed,
        code
    from {{ ref('sports_venue_types') }}
    union all
    select
        'culture.venues' as feed,
        code
    from {{ ref('culture_venue_types') }}
    union all
    select
        'civil_affairs.elderly_care' as feed,
        code
    from {{ ref('elderly_care_types') }}
)

select
    allowed.feed,
    allowed.code
from allowed
left join {{ ref('facility_type_codes') }} as mapped
    on
        allowed.feed = mapped.feed
        and allowed.code = mapped.sent_code
where mapped.facility_type is null
