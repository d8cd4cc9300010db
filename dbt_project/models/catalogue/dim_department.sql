with

departments as (
    select * from {{ ref('departments') }}
),

final as (
    select
        code as department_code,
        name_zh,
        name_en,
        national_name_zh,
        feed_department,
        status,
        source
    from departments
    union all
    -- Rows whose department nobody mapped stay, and are counted here.
    select
        'unknown' as department_code,
        '未识别部门' as name_zh,
        'Department not mapped' as name_en,
        cast(null as string) as national_name_zh,
        cast(null as string) as feed_department,
        'project' as status,
        'department_codes.csv 中没有所报的代码 · department_codes.csv has no row for the code that was sent' as source
)

select * from final
