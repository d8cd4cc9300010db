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
)

select * from final
