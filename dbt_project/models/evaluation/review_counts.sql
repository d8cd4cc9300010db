{#- Counts that add up; every rate of the scorecard is made of these and nothing else. -#}
{%- set dimensions = ['department_code', 'service_item_code', 'division_code', 'facility_id', 'contact_channel'] -%}
{%- set sides = {
    'contact_counts': ['contacts'],
    'review_counts': [
        'reviews', 'default_reviews', 'invalid_reviews', 'suspect_reviews', 'active_reviews',
        'n1', 'n2', 'n3', 'n4', 'n5', 'good_reviews', 'strictly_good_reviews', 'bad_reviews', 'suspect_good_reviews',
        'second_reviews', 'second_satisfied', 'points',
    ],
    'rectification_counts': [
        'bad_accepted', 'bad_rectified', 'bad_in_on_time_base', 'bad_on_time', 'bad_replied',
        'named_bad_accepted', 'named_bad_revisited',
    ],
} -%}
{%- set counts = sides.values() | sum(start=[]) -%}
with

contacts as (
    select * from {{ ref('fct_contact') }}
),

reviews as (
    select * from {{ ref('fct_review') }}
),

rectifications as (
    select * from {{ ref('fct_rectification') }}
),

contact_counts as (
    select
        closed_month as month,
        {%- for dimension in dimensions %}
        {{ dimension }},
        {%- endfor %}
        count(*) as contacts
    from contacts
    where closed_month is not null
    group by
        closed_month,
        {{ dimensions | join(', ') }}
),

-- A review belongs to the month its contact closed, so that it stands beside the contacts it is a share of.
review_counts as (
    select
        coalesce(contact_month, {{ month_start('reviewed_on') }}) as month,
        {{ dimensions | join(',\n        ') }},
        sum(case when review_no = 1 then 1 else 0 end) as reviews,
        sum(case when review_no = 1 and validity = 'default' then 1 else 0 end) as default_reviews,
        sum(case when review_no = 1 and validity not in ('valid', 'default') then 1 else 0 end) as invalid_reviews,
        sum(case when review_no = 1 and validity = 'valid' and suspect_rule is not null then 1 else 0 end) as suspect_reviews,
        sum(case when review_no = 1 and is_active then 1 else 0 end) as active_reviews,
        {%- for level in range(1, 6) %}
        sum(case when review_no = 1 and is_active and level = {{ level }} then 1 else 0 end) as n{{ level }},
        {%- endfor %}
        sum(case when review_no = 1 and is_active and verdict = 'good' then 1 else 0 end) as good_reviews,
        sum(case when review_no = 1 and is_active and is_strictly_good then 1 else 0 end) as strictly_good_reviews,
        sum(case when review_no = 1 and is_active and verdict = 'bad' then 1 else 0 end) as bad_reviews,
        sum(
            case
                when review_no = 1 and validity = 'valid' and suspect_rule is not null and verdict = 'good' then 1
                else 0
            end
        ) as suspect_good_reviews,
        sum(case when review_no = 1 and is_active then points else 0 end) as points,
        sum(case when review_no > 1 and is_active then 1 else 0 end) as second_reviews,
        sum(case when review_no > 1 and is_active and verdict = 'good' then 1 else 0 end) as second_satisfied
    from reviews
    group by
        coalesce(contact_month, {{ month_start('reviewed_on') }}),
        {{ dimensions | join(', ') }}
),

rectification_counts as (
    select
        coalesce(contact_month, {{ month_start('reviewed_on') }}) as month,
        {{ dimensions | join(',\n        ') }},
        sum(case when is_accepted then 1 else 0 end) as bad_accepted,
        sum(case when is_accepted and is_rectified then 1 else 0 end) as bad_rectified,
        sum(case when is_in_on_time_base then 1 else 0 end) as bad_in_on_time_base,
        sum(case when is_on_time then 1 else 0 end) as bad_on_time,
        sum(case when is_accepted and is_replied then 1 else 0 end) as bad_replied,
        sum(case when is_accepted and is_named then 1 else 0 end) as named_bad_accepted,
        sum(case when is_accepted and is_named and is_revisited then 1 else 0 end) as named_bad_revisited
    from rectifications
    where reviewed_on is not null
    group by
        coalesce(contact_month, {{ month_start('reviewed_on') }}),
        {{ dimensions | join(', ') }}
),

stacked as (
    {%- for side, own in sides.items() %}
    select
        month,
        {{ dimensions | join(',\n        ') }},
        {%- for count in counts %}
        {{ count if count in own else '0 as ' ~ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ side }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select
        month,
        {%- for dimension in dimensions %}
        coalesce({{ dimension }}, {{ "'none'" if dimension == 'facility_id' else "'unknown'" }}) as {{ dimension }},
        {%- endfor %}
        {%- for count in counts %}
        cast(sum({{ count }}) as {{ 'double' if count == 'points' else 'bigint' }}) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from stacked
    group by
        month,
        {%- for dimension in dimensions %}
        coalesce({{ dimension }}, {{ "'none'" if dimension == 'facility_id' else "'unknown'" }}){{ ',' if not loop.last }}
        {%- endfor %}
)

select * from final
