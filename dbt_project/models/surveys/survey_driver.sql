with

drivers as (
    select * from {{ source('derived', 'survey_drivers') }}
),

final as (
    select
        cast(wave as string) as wave,
        cast(outcome as string) as outcome,
        cast(driver as string) as driver,
        -- Filled where the release hides a row.
        cast(null as string) as suppressed_reason,
        cast(outcome_text as string) as outcome_text,
        cast(n_questions as bigint) as n_questions,
        cast(n as bigint) as n,
        cast(n_incomplete as bigint) as n_incomplete,
        r2,
        r2_part,
        importance,
        importance_lo,
        importance_hi,
        performance,
        cast(quadrant as string) as quadrant,
        alpha,
        cast(alpha_n as bigint) as alpha_n,
        cast(alpha_null_reason as string) as alpha_null_reason,
        cast(null_reason as string) as null_reason
    from drivers
)

select * from final
