{{ config(
    materialized=kept(),
    pre_hook="{{ take_out('(month, ' ~ place_of_unit() ~ ') in (' ~ touched_places() ~ ')') }}",
    post_hook="{{ say_updated() }}",
) }}
{%- set unit = counted_unit() -%}
{%- set invalid = invalid_reasons() -%}
{%- set counts = ['reviews', 'default_reviews', 'invalid_reviews'] + invalid.keys() | list + [
    'valid_reviews', 'n1', 'n2', 'n3', 'n4', 'n5',
    'good_reviews', 'strictly_good_reviews', 'bad_reviews', 'second_reviews', 'second_satisfied', 'points',
] -%}
{{ after('review_delta') }}
with

contacts as (
    select * from {{ ref('fct_contact') }}
),

reviews as (
    select * from {{ ref('review_judgements') }}
),

{% if is_incremental() -%}
touched as (
    {{ touched_places() }}
),

{% endif -%}
contact_counts as (
    select
        closed_month as month,
        {%- for column, value in unit.items() %}
        {{ value }} as {{ column }},
        {%- endfor %}
        count(*) as contacts
    from contacts
    where
        closed_month is not null
        {%- if is_incremental() %}
        and (closed_month, {{ place_of_contact() }}) in (select touched.month, touched.place from touched)
        {%- endif %}
    group by
        closed_month,
        {{ unit.values() | join(',\n        ') }}
),

review_counts as (
    select
        counted_month as month,
        {%- for column, value in unit.items() %}
        {{ value }} as {{ column }},
        {%- endfor %}
        count(case when review_no = 1 then 1 end) as reviews,
        count(case when review_no = 1 and validity = 'default' then 1 end) as default_reviews,
        count(case when review_no = 1 and validity not in ('valid', 'default') then 1 end) as invalid_reviews,
        {%- for count, condition in invalid.items() %}
        count(case when review_no = 1 and {{ condition }} then 1 end) as {{ count }},
        {%- endfor %}
        count(case when review_no = 1 and validity = 'valid' then 1 end) as valid_reviews,
        {%- for level in range(1, 6) %}
        count(case when review_no = 1 and validity = 'valid' and level = {{ level }} then 1 end) as n{{ level }},
        {%- endfor %}
        count(case when review_no = 1 and validity = 'valid' and verdict = 'good' then 1 end) as good_reviews,
        count(case when review_no = 1 and validity = 'valid' and is_strictly_good then 1 end) as strictly_good_reviews,
        count(case when review_no = 1 and validity = 'valid' and verdict = 'bad' then 1 end) as bad_reviews,
        count(case when review_no > 1 and validity = 'valid' then 1 end) as second_reviews,
        count(case when review_no > 1 and validity = 'valid' and verdict = 'good' then 1 end) as second_satisfied,
        sum(case when review_no = 1 and validity = 'valid' then points else 0 end) as points
    from reviews
    {%- if is_incremental() %}
    where (counted_month, place) in (select touched.month, touched.place from touched)
    {%- endif %}
    group by
        counted_month,
        {{ unit.values() | join(',\n        ') }}
),

final as (
    {{ counts_of_both({'contact_counts': ['contacts'], 'review_counts': counts}, ['contacts'] + counts) }}
)

select * from final
