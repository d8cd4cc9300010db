with

known as (
    select * from {{ ref('facility_known_points') }}
),

squares as (
    select * from {{ ref('facility_squares') }}
    where grid = 'square' and is_owner
),

rules as (
    select
        {%- for parameter in ['compare_from', 'reach_times', 'town_share', 'reach_least_m', 'reach_few_squares_m'] %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('facility_place_rules') }}
),

-- Where most people go: the wrong points are among those it is drawn from, so medians.
middles as (
    select
        county_code,
        count(*) as points,
        median(longitude) as longitude,
        median(latitude) as latitude
    from known
    group by county_code
),

spread as (
    select
        squares.county_code,
        squares.points,
        middles.points as county_points,
        {{ metres_apart('squares.longitude', 'squares.latitude', 'middles.longitude', 'middles.latitude') }} as metres
    from squares
    inner join middles on squares.county_code = middles.county_code
),

ranked_spread as (
    select
        spread.*,
        row_number() over (partition by county_code order by metres) as nth,
        count(*) over (partition by county_code) as squares
    from spread
),

measured as (
    select
        ranked_spread.county_code,
        max(ranked_spread.squares) >= max(rules.compare_from) as is_measured,
        -- Squares, not points: hills weigh as much as the seat.
        max(case when ranked_spread.nth <= 0.75 * ranked_spread.squares + 0.25 then ranked_spread.metres end) as three_quarters_m,
        -- A second town is never too far.
        max(
            case when ranked_spread.points >= rules.town_share * ranked_spread.county_points then ranked_spread.metres end
        ) as town_m
    from ranked_spread
    cross join rules
    group by ranked_spread.county_code
),

final as (
    select
        middles.county_code,
        middles.longitude,
        middles.latitude,
        coalesce(measured.is_measured, false) as is_measured,
        greatest(
            case when coalesce(measured.is_measured, false) then rules.reach_least_m else rules.reach_few_squares_m end,
            coalesce(rules.reach_times * measured.three_quarters_m, 0),
            coalesce(measured.town_m, 0)
        ) as reach_m
    from middles
    cross join rules
    left join measured on middles.county_code = measured.county_code
    where middles.points >= rules.compare_from
)

select * from final
