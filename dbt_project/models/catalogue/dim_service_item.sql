with

items as (
    select * from {{ ref('service_items') }}
),

final as (
    select
        code as service_item_code,
        name_zh,
        domain_no,
        domain_zh,
        domain_en,
        category_no,
        category_zh,
        item_no_2023,
        item_no_2021,
        name_2021_zh,
        lead_department_code,
        name_status,
        category_status,
        department_status,
        note
    from items
    union all
    -- Rows whose item nobody mapped stay, and are counted here.
    select
        'unknown' as service_item_code,
        '未识别事项' as name_zh,
        cast(null as string) as domain_no,
        cast(null as string) as domain_zh,
        cast(null as string) as domain_en,
        cast(null as string) as category_no,
        cast(null as string) as category_zh,
        cast(null as bigint) as item_no_2023,
        cast(null as bigint) as item_no_2021,
        cast(null as string) as name_2021_zh,
        'unknown' as lead_department_code,
        'project' as name_status,
        'project' as category_status,
        'project' as department_status,
        'service_item_codes.csv 中没有所报的代码 · service_item_codes.csv has no row for the code that was sent' as note
)

select * from final
