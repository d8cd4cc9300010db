with

vintages as (
    select * from {{ ref('division_vintages') }}
),

-- A vintage describes the levels it holds below the top units it holds: a list of counties does not abolish villages, and
-- one province's list says nothing of another's. Codes do not tell: 63 is Qinghai in one list and a city in another.
counted as (
    select
        top_code,
        level,
        vintage,
        count(*) as units
    from vintages
    group by top_code, level, vintage
),

final as (
    select
        top_code,
        level,
        vintage,
        units,
        cast(row_number() over (partition by top_code, level order by vintage) as bigint) as ordinal,
        lag(vintage) over (partition by top_code, level order by vintage) as previous_vintage,
        lag(units) over (partition by top_code, level order by vintage) as previous_units,
        lead(vintage) over (partition by top_code, level order by vintage) as next_vintage
    from counted
)

select * from final
