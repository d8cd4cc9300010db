-- 报送方每年最后一次报送的人口数都计入所指的区划；不知是哪个区划的，列为该数据流的问题。
-- · A figure of the last delivery of a sender and year counts for the division that was meant; where nobody knows the division,
-- the feed has a problem.
{{ config(meta={'dagster': {'ref': {'name': 'division_population'}}}) }}
with

sent as (
    select
        year,
        division_code,
        division_name,
        cast(_received_at as string) || _receipt as delivery,
        max(cast(_received_at as string) || _receipt) over (partition by _sender, year) as last_delivery
    from {{ ref('stg_reference__population') }}
),

places as (
    select * from {{ ref('division_matches') }}
),

counted as (
    select * from {{ ref('division_population') }}
),

problems as (
    select distinct sent_value
    from {{ ref('feed_problem') }}
    where problem = 'population_not_placed'
)

select distinct
    sent.year,
    sent.division_code,
    sent.division_name
from sent
left join places on {{ text_key(['sent.division_code', 'sent.division_name']) }} = places.place_key
left join counted
    on
        places.division_code = counted.division_code
        and sent.year = counted.year
left join problems on coalesce(sent.division_code, sent.division_name, '') = problems.sent_value
where sent.delivery = sent.last_delivery and counted.division_code is null and problems.sent_value is null
