with

candidates as (
    select * from {{ ref('review_reason_candidates') }}
),

reviews as (
    select * from {{ ref('fct_review') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
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
    select
        max(case when parameter = 'min_count' then value end) as min_count,
        max(case when parameter = 'change_z' then value end) as change_z,
        max(case when parameter = 'season_days' then value end) as season_days,
        max(case when parameter = 'season_days_min' then value end) as season_days_min,
        max(case when parameter = 'outlier_deviations' then value end) as outlier_deviations,
        max(case when parameter = 'deviation_scale' then value end) as deviation_scale,
        max(case when parameter = 'deviation_least' then value end) as deviation_least
    from {{ ref('review_reason_rules') }}
),

counted as (
    select
        reason_id,
        month,
        dimension,
        code,
        kind,
        value,
        on_day,
        count(*) as reviews
    from candidates
    group by reason_id, month, dimension, code, kind, value, on_day
),

active as (
    select
        reviews.contact_month as month,
        reviews.department_code,
        reviews.service_item_code,
        reviews.facility_id,
        reviews.window_no,
        cast(contacts.closed_at as date) as served_on,
        {{ weekday_hour('contacts.closed_at') }} as hour,
        count(*) as reviews,
        sum(case when reviews.verdict = 'bad' then 1 else 0 end) as bad
    from reviews
    inner join contacts on reviews.contact_id = contacts.contact_id
    where reviews.is_active and reviews.review_no = 1
    group by
        reviews.contact_month, reviews.department_code, reviews.service_item_code, reviews.facility_id, reviews.window_no,
        cast(contacts.closed_at as date), {{ weekday_hour('contacts.closed_at') }}
),

-- Tags and words: this month's share of the unit's bad reviews (words: of those with text) against the month before.
bases as (
    select
        month,
        dimension,
        code,
        kind,
        reviews
    from counted
    where kind in ('bad', 'bad_with_text')
),

months as (
    select
        counted.*,
        bases.reviews as of_reviews,
        coalesce(earlier.reviews, 0) as usual_reviews,
        coalesce(earlier_bases.reviews, 0) as usual_of_reviews
    from counted
    inner join bases
        on
            counted.month = bases.month
            and counted.dimension = bases.dimension
            and counted.code = bases.code
            and bases.kind = case counted.kind when 'word' then 'bad_with_text' else 'bad' end
    left join bases as earlier_bases
        on
            {{ month_start(add_days('counted.month', '-1')) }} = earlier_bases.month
            and counted.dimension = earlier_bases.dimension
            and counted.code = earlier_bases.code
            and bases.kind = earlier_bases.kind
    left join counted as earlier
        on
            {{ month_start(add_days('counted.month', '-1')) }} = earlier.month
            and counted.dimension = earlier.dimension
            and counted.code = earlier.code
            and counted.kind = earlier.kind
            and counted.value = earlier.value
    where counted.kind in ('tag', 'word')
),

-- An hour of the week: the share of bad among its reviews against the unit's other hours of the month.
hours as (
    {%- for dimension, unit in {'department': 'department_code', 'facility': 'facility_id'}.items() %}
    select
        month,
        '{{ dimension }}' as dimension,
        {{ unit }} as code,
        hour as value,
        sum(reviews) as of_reviews,
        sum(sum(bad)) over (partition by month, {{ unit }}) - sum(bad) as usual_reviews,
        sum(sum(reviews)) over (partition by month, {{ unit }}) - sum(reviews) as usual_of_reviews
    from active
    where {{ unit }} is not null
    group by month, {{ unit }}, hour
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- A day at a window, or of an item: measured against its own season, the same weekdays before it.
series as (
    select
        'window_day' as kind,
        facility_id as code,
        window_no as value,
        served_on,
        sum(reviews) as reviews,
        sum(bad) as bad
    from active
    where facility_id is not null and window_no is not null
    group by facility_id, window_no, served_on
    union all
    select
        'item_day' as kind,
        department_code as code,
        service_item_code as value,
        served_on,
        sum(reviews) as reviews,
        sum(bad) as bad
    from active
    group by department_code, service_item_code, served_on
),

days as (
    select
        counted.*,
        series.reviews as of_reviews
    from counted
    cross join rules
    inner join series
        on
            counted.kind = series.kind
            and counted.code = series.code
            and counted.value = series.value
            and counted.on_day = series.served_on
    where counted.kind in ('window_day', 'item_day') and counted.reviews >= rules.min_count
),

season as (
    select
        days.reason_id,
        series.reviews,
        series.bad
    from days
    cross join rules
    inner join series
        on
            days.kind = series.kind
            and days.code = series.code
            and days.value = series.value
            and days.on_day > series.served_on
            and {{ add_days('days.on_day', '-rules.season_days') }} <= series.served_on
            and {{ iso_weekday('days.on_day') }} = {{ iso_weekday('series.served_on') }}
),

medians as (
    select
        reason_id,
        count(*) as season_days,
        sum(reviews) as usual_of_reviews,
        sum(bad) as usual_reviews,
        median(bad) as median_bad
    from season
    group by reason_id
),

spreads as (
    select
        season.reason_id,
        median(abs(season.bad - medians.median_bad)) as deviation
    from season
    inner join medians on season.reason_id = medians.reason_id
    group by season.reason_id
),

outliers as (
    select
        days.*,
        medians.usual_reviews,
        medians.usual_of_reviews,
        cast(medians.median_bad as double) as median_reviews,
        (days.reviews - medians.median_bad)
        / greatest(rules.deviation_scale * spreads.deviation, rules.deviation_least) as deviations
    from days
    cross join rules
    inner join medians on days.reason_id = medians.reason_id
    inner join spreads on days.reason_id = spreads.reason_id
    where
        medians.season_days >= rules.season_days_min
        and days.reviews - medians.median_bad
        > rules.outlier_deviations * greatest(rules.deviation_scale * spreads.deviation, rules.deviation_least)
),

stacked as (
    select
        months.*,
        cast(null as double) as median_reviews,
        cast(null as double) as deviations
    from months
    cross join rules
    where months.kind = 'tag' or months.reviews >= rules.min_count
    union all
    select
        counted.*,
        hours.of_reviews,
        hours.usual_reviews,
        hours.usual_of_reviews,
        cast(null as double) as median_reviews,
        cast(null as double) as deviations
    from counted
    cross join rules
    inner join hours
        on
            counted.month = hours.month
            and counted.dimension = hours.dimension
            and counted.code = hours.code
            and counted.value = hours.value
    where counted.kind = 'hour' and counted.reviews >= rules.min_count
    union all
    select
        reason_id,
        month,
        dimension,
        code,
        kind,
        value,
        on_day,
        reviews,
        of_reviews,
        usual_reviews,
        usual_of_reviews,
        median_reviews,
        deviations
    from outliers
),

rated as (
    select
        stacked.*,
        {{ ratio('stacked.reviews', 'stacked.of_reviews') }} as share,
        {{ wilson('stacked.reviews', 'stacked.of_reviews', 'policies.interval_z', 'lo') }} as share_lo,
        {{ wilson('stacked.reviews', 'stacked.of_reviews', 'policies.interval_z', 'hi') }} as share_hi,
        {{ ratio('stacked.usual_reviews', 'stacked.usual_of_reviews') }} as usual_share,
        {{ wilson('stacked.reviews', 'stacked.of_reviews', 'rules.change_z', 'lo') }} as this_lo,
        {{ wilson('stacked.reviews', 'stacked.of_reviews', 'rules.change_z', 'hi') }} as this_hi,
        {{ wilson('stacked.usual_reviews', 'stacked.usual_of_reviews', 'rules.change_z', 'lo') }} as usual_lo,
        {{ wilson('stacked.usual_reviews', 'stacked.usual_of_reviews', 'rules.change_z', 'hi') }} as usual_hi
    from stacked
    cross join rules
    left join policies
        on
            policies.area = ''
            and stacked.month between policies.valid_from and policies.valid_to
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
        case kept.kind
            when 'tag' then tags.name_zh
            when 'hour'
                then
                    '周' || substr('一二三四五六日', cast(substr(kept.value, 1, 1) as int), 1) || ' '
                    || substr(kept.value, 3, 2) || ' 时'
            when 'window_day' then kept.value || ' 号窗口 ' || cast(kept.on_day as string)
            when 'item_day' then coalesce(item.name_zh, kept.value) || ' ' || cast(kept.on_day as string)
            else kept.value
        end as value_zh,
        case kept.kind
            when 'tag' then tags.name_en
            when 'hour'
                then
                    substr('MonTueWedThuFriSatSun', 3 * cast(substr(kept.value, 1, 1) as int) - 2, 3) || ' '
                    || substr(kept.value, 3, 2) || ':00'
            when 'window_day' then 'window ' || kept.value || ', ' || cast(kept.on_day as string)
            when 'item_day' then 'item ' || kept.value || ', ' || cast(kept.on_day as string)
        end as value_en,
        kept.on_day,
        row_number() over (
            partition by kept.month, kept.dimension, kept.code, kept.kind
            order by kept.reviews desc, kept.change desc nulls last, kept.value asc, kept.on_day asc
        ) as place,
        cast(kept.reviews as bigint) as reviews,
        cast(kept.of_reviews as bigint) as of_reviews,
        kept.share,
        kept.share_lo,
        kept.share_hi,
        cast(kept.usual_reviews as bigint) as usual_reviews,
        cast(kept.usual_of_reviews as bigint) as usual_of_reviews,
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
        case
            when kept.kind in ('tag', 'word')
                then
                    cast(kept.of_reviews as string) || ' 条差评中 ' || cast(kept.reviews as string) || ' 条；上月 '
                    || cast(kept.usual_of_reviews as string) || ' 条中 ' || cast(kept.usual_reviews as string) || ' 条'
            when kept.kind = 'hour'
                then
                    '该时段 ' || cast(kept.of_reviews as string) || ' 条评价中差评 ' || cast(kept.reviews as string)
                    || ' 条；其他时段 ' || cast(kept.usual_of_reviews as string) || ' 条中 '
                    || cast(kept.usual_reviews as string) || ' 条'
            else
                '当日 ' || cast(kept.of_reviews as string) || ' 条评价中差评 ' || cast(kept.reviews as string)
                || ' 条；此前同一星期几 ' || cast(kept.usual_of_reviews as string) || ' 条中 '
                || cast(kept.usual_reviews as string) || ' 条，每日中位 ' || cast(kept.median_reviews as string) || ' 条'
        end as evidence_zh,
        case
            when kept.kind in ('tag', 'word')
                then
                    cast(kept.reviews as string) || ' of ' || cast(kept.of_reviews as string) || ' bad reviews; '
                    || cast(kept.usual_reviews as string) || ' of ' || cast(kept.usual_of_reviews as string)
                    || ' the month before'
            when kept.kind = 'hour'
                then
                    cast(kept.reviews as string) || ' of ' || cast(kept.of_reviews as string)
                    || ' reviews in this hour are bad; ' || cast(kept.usual_reviews as string) || ' of '
                    || cast(kept.usual_of_reviews as string) || ' in the other hours'
            else
                cast(kept.reviews as string) || ' of ' || cast(kept.of_reviews as string)
                || ' reviews of the day are bad; ' || cast(kept.usual_reviews as string) || ' of '
                || cast(kept.usual_of_reviews as string) || ' on the same weekdays before, a median of '
                || cast(kept.median_reviews as string) || ' a day'
        end as evidence_en
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
