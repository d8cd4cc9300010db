-- The chosen policy says everything once for every day it is in force: no overlap, no gap inside, no parameter left open.
with

policies as (
    select * from {{ ref('dim_review_policy') }}
),

followed as (
    select
        area,
        version,
        valid_to,
        lead(valid_from) over (partition by area order by valid_from) as next_from
    from policies
)

select
    area,
    version,
    'gap or overlap' as problem
from followed
where next_from is not null and next_from <> {{ add_days('valid_to', 1) }}
union all
select
    area,
    version,
    'parameter missing' as problem
from policies
where
    points_5 + points_4 + points_3 + points_2 + points_1
    + good_level_min + strict_good_level_min + bad_level_max
    + review_window_days + rectification_days + rectification_counts_workdays
    + burst_gap_seconds + burst_min_reviews + reviewer_daily_limit
    + interval_z + good_line + bad_line + participation_floor is null
