-- 陷阱一：两个国家标准的满意度方向相反；等级以所声明的方案为准。
-- · Trap 1: two national sources number satisfaction in opposite directions. The level is the one the declared scheme gives.
{{ config(meta={'dagster': {'ref': {'name': 'satisfaction_schemes'}}}) }}
select
    reviews._sender,
    reviews.satisfaction_scheme,
    reviews.satisfaction,
    reviews.satisfaction_level,
    schemes.level,
    count(*) as reviews
from {{ source('evaluation', 'reviews') }} as reviews
left join {{ ref('satisfaction_schemes') }} as schemes
    on
        reviews.satisfaction_scheme = schemes.scheme
        and reviews.satisfaction = schemes.code
where coalesce(cast(schemes.level as string), '') <> coalesce(reviews.satisfaction_level, '')
group by
    reviews._sender, reviews.satisfaction_scheme, reviews.satisfaction, reviews.satisfaction_level, schemes.level
