{#- What bad reviews have in common, one kind after the other; and which units each kind is told of. -#}
{%- set units = {
    'department': 'department_code',
    'service_item': 'service_item_code',
    'facility': 'facility_id',
    'county': 'county_code',
} -%}
{%- set kinds_of = {
    'department': ['bad', 'bad_with_text', 'tag', 'word', 'hour', 'item_day'],
    'service_item': ['bad', 'bad_with_text', 'tag', 'word'],
    'facility': ['bad', 'tag', 'hour', 'window_day'],
    'county': ['bad', 'tag'],
} -%}
with

reviews as (
    select * from {{ ref('fct_review') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

tags as (
    select distinct code from {{ ref('review_tags') }}
),

words as (
    select * from {{ source('derived', 'review_words') }}
),

stop_words as (
    select * from {{ ref('review_stop_words') }}
),

-- The same reviews that make the scorecard's bad rate.
bad_reviews as (
    select
        reviews.review_id,
        reviews.contact_month as month,
        reviews.department_code,
        reviews.service_item_code,
        reviews.facility_id,
        coalesce(divisions.county_code, 'unknown') as county_code,
        reviews.window_no,
        reviews.tags,
        reviews.has_comment,
        reviews.receipt,
        {{ sent_number('contacts.case_no') }} as case_no,
        contacts.contact_no,
        reviews.review_no,
        contacts.closed_at,
        cast(contacts.closed_at as date) as served_on
    from reviews
    inner join contacts on reviews.contact_id = contacts.contact_id
    left join divisions on reviews.division_code = divisions.division_code
    where reviews.is_active and reviews.verdict = 'bad' and reviews.review_no = 1
),

said as (
    select
        bad_reviews.review_id,
        words.word
    from bad_reviews
    inner join words
        on
            bad_reviews.case_no = words.case_no
            and bad_reviews.contact_no = words.contact_no
            and bad_reviews.review_no = words.review_no
            and bad_reviews.receipt = words.receipt
    left join stop_words on words.word = stop_words.word
    where stop_words.word is null
),

things as (
    select
        review_id,
        'bad' as kind,
        'bad' as value,
        cast(null as date) as on_day
    from bad_reviews
    union all
    select
        review_id,
        'bad_with_text' as kind,
        'bad_with_text' as value,
        cast(null as date) as on_day
    from bad_reviews
    where has_comment
    union all
    select
        bad_reviews.review_id,
        'tag' as kind,
        tags.code as value,
        cast(null as date) as on_day
    from bad_reviews
    inner join tags on ',' || bad_reviews.tags || ',' like '%,' || tags.code || ',%'
    union all
    select
        review_id,
        'word' as kind,
        word as value,
        cast(null as date) as on_day
    from said
    union all
    select
        review_id,
        'hour' as kind,
        {{ weekday_hour('closed_at') }} as value,
        cast(null as date) as on_day
    from bad_reviews
    union all
    select
        review_id,
        'window_day' as kind,
        window_no as value,
        served_on as on_day
    from bad_reviews
    where window_no is not null
    union all
    select
        review_id,
        'item_day' as kind,
        service_item_code as value,
        served_on as on_day
    from bad_reviews
),

dimensions as (
    {%- for dimension in units %}
    select '{{ dimension }}' as dimension{{ ' union all' if not loop.last }}
    {%- endfor %}
),

-- A review counts for each kind of unit once; a thing only where its kind is told of that kind of unit.
stacked as (
    select
        things.review_id,
        bad_reviews.month,
        dimensions.dimension,
        case dimensions.dimension
            {%- for dimension, unit in units.items() %}
            when '{{ dimension }}' then bad_reviews.{{ unit }}
            {%- endfor %}
        end as code,
        things.kind,
        things.value,
        things.on_day
    from things
    inner join bad_reviews on things.review_id = bad_reviews.review_id
    inner join dimensions
        on
            {%- for dimension, kinds in kinds_of.items() %}
            {{ 'or ' if not loop.first }}(
                dimensions.dimension = '{{ dimension }}'
                and things.kind in ('{{ kinds | join("', '") }}')
            )
            {%- endfor %}
),

final as (
    select
        {{ text_key(['month', 'dimension', 'code', 'kind', 'value', 'on_day']) }} as reason_id,
        review_id,
        month,
        dimension,
        code,
        kind,
        value,
        on_day
    from stacked
    where code is not null
)

select * from final
