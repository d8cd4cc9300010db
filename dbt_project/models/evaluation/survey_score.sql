with

estimates as (
    select * from {{ source('derived', 'survey_estimates') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

final as (
    select
        cast(estimates.wave as string) as wave,
        cast(coalesce(estimates.area_level, 'all') as string) as area_level,
        cast(coalesce(estimates.division_code, 'all') as string) as division_code,
        divisions.full_name as division_name,
        cast(coalesce(estimates.group_name, 'all') as string) as group_name,
        cast(coalesce(estimates.group_value, 'all') as string) as group_value,
        cast(coalesce(estimates.dimension, 'all') as string) as dimension,
        cast(coalesce(estimates.question_id, 'all') as string) as question_id,
        cast(coalesce(estimates.n, 0) as bigint) as n,
        cast(estimates.n_eff as double) as n_eff,
        cast(estimates.mean as double) as mean,
        cast(estimates.se as double) as se,
        cast(estimates.lo as double) as mean_lo,
        cast(estimates.hi as double) as mean_hi,
        cast(estimates.deff as double) as deff,
        cast(estimates.top2 as double) as top2_share,
        cast(estimates.top2_lo as double) as top2_share_lo,
        cast(estimates.top2_hi as double) as top2_share_hi,
        cast(estimates.bottom2 as double) as bottom2_share,
        cast(estimates.dont_know_share as double) as dont_know_share,
        coalesce(cast(estimates.is_weighted as boolean), false) as is_weighted,
        cast(estimates.null_reason as string) as null_reason
    from estimates
    left join divisions on estimates.division_code = divisions.division_code
)

select * from final
