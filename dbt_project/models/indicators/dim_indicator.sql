with

indicators as (
    select * from {{ ref('indicators') }}
),

final as (
    select
        code as indicator_code,
        name_zh,
        name_en,
        unit,
        plan,
        cast(plan_no as bigint) as plan_no,
        source,
        status,
        better,
        counts_people = 'yes' as counts_people,
        definition_zh,
        definition_en,
        per,
        cast(decimals as bigint) as decimals,
        period_kind,
        lowest_level,
        coalesce(missing_feed, '') <> '' as is_missing,
        nullif(missing_feed, '') as missing_feed,
        nullif(missing_zh, '') as missing_zh,
        nullif(missing_en, '') as missing_en
    from indicators
)

select * from final
