{{ config(
    materialized=kept(),
    pre_hook="{{ take_out('(month, ' ~ place_of_unit() ~ ') in (' ~ clustered_places() ~ ')') }}",
    post_hook="{{ say_updated() }}",
) }}
{#- what of the reviews of a facility each grouping keeps apart -#}
{%- set groupings = {
    'place': none, 'department': 'department_code', 'service_item': 'service_item_code', 'channel': 'contact_channel',
} -%}
{%- set kinds = cluster_kinds() -%}
{%- set grouped = ['month', 'clustered_by', 'code', 'division_code', 'facility_id'] -%}
{{ after('review_delta') }}
with

suspicions as (
    select * from {{ ref('review_suspicions') }}
),

{% if is_incremental() -%}
touched as (
    {{ clustered_places() }}
),

{% endif -%}
-- The reviews that count, added up by everything that some cluster is told apart by.
days as (
    select
        judgements.counted_month as month,
        judgements.department_code,
        judgements.service_item_code,
        coalesce(judgements.contact_channel, 'unknown') as contact_channel,
        judgements.division_code,
        coalesce(judgements.facility_id, 'none') as facility_id,
        judgements.window_no,
        judgements.reviewed_on,
        count(case when suspicions.review_id is null then 1 end) as reviews,
        count(case when suspicions.review_id is null and judgements.verdict = 'good' then 1 end) as good,
        count(suspicions.review_id) as suspects
    from {{ ref('review_judgements') }} as judgements
    left join suspicions on judgements.review_id = suspicions.review_id
    where
        judgements.review_no = 1
        and judgements.validity = 'valid'
        {%- if is_incremental() %}
        and (judgements.counted_month, judgements.place) in (select touched.month, touched.place from touched)
        {%- endif %}
    group by
        judgements.counted_month,
        judgements.department_code,
        judgements.service_item_code,
        judgements.contact_channel,
        judgements.division_code,
        judgements.facility_id,
        judgements.window_no,
        judgements.reviewed_on
),

groupings as (
    {%- for grouping in groupings %}
    select '{{ grouping }}' as clustered_by
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

kinds as (
    {%- for kind in kinds %}
    select '{{ kind }}' as cluster_kind
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- Without a facility the reviews of one item and division are together; without a window each review stands alone.
placed as (
    select
        days.month,
        groupings.clustered_by,
        case groupings.clustered_by
            {%- for grouping, column in groupings.items() if column %}
            when '{{ grouping }}' then days.{{ column }}
            {%- endfor %}
            else 'all'
        end as code,
        days.division_code,
        days.facility_id,
        kinds.cluster_kind,
        case when days.facility_id = 'none' then days.service_item_code else '' end as item_of_none,
        case kinds.cluster_kind
            {%- for kind, name in kinds.items() %}
            when '{{ kind }}' then {{ name }}
            {%- endfor %}
        end as cluster,
        days.reviews,
        days.good,
        days.suspects
    from days
    cross join groupings
    cross join kinds
),

clusters as (
    select
        {{ grouped | join(',\n        ') }},
        cluster_kind,
        cluster,
        sum(reviews) as reviews,
        sum(good) as good,
        sum(suspects) as suspects
    from placed
    group by {{ grouped | join(', ') }}, cluster_kind, item_of_none, cluster
),

squared as (
    select
        {{ grouped | join(',\n        ') }},
        cluster_kind,
        reviews,
        good,
        suspects,
        case when cluster is null then reviews when reviews = 0 then 0 else 1 end as clusters,
        case when cluster is null then reviews else reviews * reviews end as reviews_squared,
        case when cluster is null then good else reviews * good end as reviews_by_good,
        case when cluster is null then good else good * good end as good_squared
    from clusters
),

final as (
    select
        {{ grouped | join(',\n        ') }},
        cast(sum(case when cluster_kind = 'day' then reviews else 0 end) as bigint) as reviews,
        cast(sum(case when cluster_kind = 'day' then good else 0 end) as bigint) as good,
        cast(sum(case when cluster_kind = 'day' then suspects else 0 end) as bigint) as suspects,
        {%- for kind in kinds %}
        {%- set last_kind = loop.last %}
        {%- for what in ['clusters', 'reviews_squared', 'reviews_by_good', 'good_squared'] %}
        cast(
            sum(case when cluster_kind = '{{ kind }}' then {{ what }} else 0 end) as bigint
        ) as {{ kind }}_{{ what }}{{ ',' if not (loop.last and last_kind) }}
        {%- endfor %}
        {%- endfor %}
    from squared
    group by {{ grouped | join(', ') }}
)

select * from final
