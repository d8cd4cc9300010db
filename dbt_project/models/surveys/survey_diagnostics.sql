with

diagnostics as (
    select * from {{ source('derived', 'survey_diagnostics') }}
),

final as (
    select
        cast(wave as string) as wave,
        cast(topic as string) as topic,
        cast(item as string) as item,
        cast(category as string) as category,
        value,
        cast(respondents as bigint) as respondents,
        population,
        weighted_before,
        weighted_after,
        threshold,
        coalesce(cast(is_problem as boolean), false) as is_problem,
        cast(evidence as string) as evidence
    from diagnostics
)

select * from final
