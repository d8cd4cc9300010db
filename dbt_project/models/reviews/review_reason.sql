with

reasons as (
    select * from {{ ref('review_reason_counts') }}
),

unit_places as (
    select * from {{ ref('review_unit_places') }}
    where period_kind = 'month'
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

departments as (
    select * from {{ ref('dim_department') }}
),

items as (
    select * from {{ ref('dim_service_item') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

tags as (
    select
        code,
        min(name_zh) as name_zh,
        min(name_en) as name_en
    from {{ ref('review_tags') }}
    group by code
),

rules as (
    select max(case when parameter = 'change_z' then value end) as change_z
    from {{ ref('review_reason_rules') }}
),

-- A unit's reasons stand under the policy that its scorecard does.
placed as (
    select
        reasons.*,
        coalesce(unit_places.placed_in, '') as placed_in
    from reasons
    left join unit_places
        on
            reasons.month = unit_places.period_start
            and reasons.dimension = unit_places.dimension
            and reasons.code = unit_places.code
),

places as (
    select distinct
        month,
        placed_in
    from placed
),

policies_in_force as (
    {{ in_force('places', 'policies', key=['month', 'placed_in'], day='month', division='placed_in') }}
),

rated as (
    select
        reasons.*,
        {{ ratio('reasons.reviews', 'reasons.of_reviews') }} as share,
        {{ wilson('reasons.reviews', 'reasons.of_reviews', 'policies.interval_z', 'lo') }} as share_lo,
        {{ wilson('reasons.reviews', 'reasons.of_reviews', 'policies.interval_z', 'hi') }} as share_hi,
        {{ ratio('reasons.usual_reviews', 'reasons.usual_of_reviews') }} as usual_share,
        {{ wilson('reasons.reviews', 'reasons.of_reviews', 'rules.change_z', 'lo') }} as this_lo,
        {{ wilson('reasons.reviews', 'reasons.of_reviews', 'rules.change_z', 'hi') }} as this_hi,
        {{ wilson('reasons.usual_reviews', 'reasons.usual_of_reviews', 'rules.change_z', 'lo') }} as usual_lo,
        {{ wilson('reasons.usual_reviews', 'reasons.usual_of_reviews', 'rules.change_z', 'hi') }} as usual_hi
    from placed as reasons
    cross join rules
    left join policies_in_force as policies
        on
            reasons.month = policies.month
            and reasons.placed_in = policies.placed_in
),

paired as (
    select
        rated.*,
        share as this,
        usual_share as usual
    from rated
),

compared as (
    select
        paired.*,
        this - usual as change,
        {{ newcombe('this', 'usual', 'lo') }} as change_lo,
        {{ newcombe('this', 'usual', 'hi') }} as change_hi
    from paired
),

-- A busy day has many bad reviews at its usual rate: it is an outlier only if the share surely rose as well.
kept as (
    select * from compared
    where kind not in ('window_day', 'item_day') or change_lo > 0
),

final as (
    select
        kept.reason_id,
        kept.month,
        kept.dimension,
        kept.code,
        coalesce(unit_department.name_zh, unit_item.name_zh, unit_facility.name, unit_division.full_name) as name_zh,
        kept.kind,
        kept.value,
        {{ reason_name('zh') }} as value_zh,
        {{ reason_name('en') }} as value_en,
        kept.on_day,
        cast(row_number() over (
            partition by kept.month, kept.dimension, kept.code, kept.kind
            order by kept.reviews desc, kept.change desc nulls last, kept.value asc, kept.on_day asc
        ) as bigint) as place,
        kept.reviews,
        kept.of_reviews,
        kept.share,
        kept.share_lo,
        kept.share_hi,
        kept.usual_reviews,
        kept.usual_of_reviews,
        kept.usual_share,
        kept.change,
        kept.change_lo,
        kept.change_hi,
        coalesce(kept.change_lo > 0 or kept.change_hi < 0, false) as is_change_sure,
        case
            when kept.usual_of_reviews = 0 and kept.kind = 'hour' then 'no_other_hours'
            when kept.usual_of_reviews = 0 then 'no_bad_reviews_before'
        end as change_null_reason,
        kept.median_reviews,
        kept.deviations,
        {{ reason_evidence('zh') }} as evidence_zh,
        {{ reason_evidence('en') }} as evidence_en
    from kept
    left join tags on kept.value = tags.code and kept.kind = 'tag'
    left join items as item on kept.value = item.service_item_code and kept.kind = 'item_day'
    left join departments as unit_department
        on
            kept.code = unit_department.department_code
            and kept.dimension = 'department'
    left join items as unit_item
        on
            kept.code = unit_item.service_item_code
            and kept.dimension = 'service_item'
    left join facilities as unit_facility
        on
            kept.code = unit_facility.facility_id
            and kept.dimension = 'facility'
    left join divisions as unit_division
        on
            kept.code = unit_division.division_code
            and kept.dimension = 'county'
)

select * from final
