{#- Squares of 0.03° (some 3 km) weigh a town and a hamlet alike; blocks of 0.01° tell the districts of one town apart. The
    nearest squares are looked for in windows of 0.5° and their neighbours. -#}
{%- set square, block, window = '0.03', '0.01', '0.5' -%}
with

statements as (
    select * from {{ ref('facility_statements') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

rules as (
    select
        {%- for parameter in [
            'compare_from', 'near_own_m', 'votes', 'own_votes_below', 'sides_from', 'reach_times', 'town_share', 'reach_least_m',
            'reach_few_squares_m',
        ] %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('facility_place_rules') }}
),

-- The points of the list of divisions, and of the facilities of every register whose division is stated; each counts once,
-- so that a facility which is described again does not bear witness for itself.
known as (
    select
        coalesce(county_code, city_code) as county_code,
        longitude,
        latitude
    from divisions
    where
        level in ('county', 'town', 'village')
        and valid_to_year is null
        and coalesce(county_code, city_code) is not null
        and {{ is_on_globe('longitude', 'latitude') }}
    union
    select
        county_code,
        longitude,
        latitude
    from statements
    where county_code is not null and not is_default and {{ is_on_globe('longitude', 'latitude') }}
),
{%- for owned, side in [('squares', square), ('blocks', block)] %}

{{ owned }}_shared as (
    select
        county_code,
        cast(floor(longitude / {{ side }}) as bigint) as x,
        cast(floor(latitude / {{ side }}) as bigint) as y,
        count(*) as points,
        avg(longitude) as longitude,
        avg(latitude) as latitude
    from known
    group by county_code, cast(floor(longitude / {{ side }}) as bigint), cast(floor(latitude / {{ side }}) as bigint)
),

{{ owned }}_counted as (
    select
        {{ owned }}_shared.*,
        sum(points) over (partition by x, y) as all_points
    from {{ owned }}_shared
),

-- The county's that has most of its points, so a few wrong points among many right ones own nothing.
{{ owned }} as (
    select
        county_code,
        x,
        y,
        points,
        longitude,
        latitude,
        cast(floor(longitude / {{ window }}) as bigint) as window_x,
        cast(floor(latitude / {{ window }}) as bigint) as window_y
    from {{ owned }}_counted
    where points * 2 > all_points
),
{%- endfor %}

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
        max(case when ranked_spread.points >= rules.town_share * middles.points then ranked_spread.metres end) as town_m
    from ranked_spread
    inner join middles on ranked_spread.county_code = middles.county_code
    cross join rules
    group by ranked_spread.county_code
),

reaches as (
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
),

-- Both ways of reading a point: as sent, and with its axes swapped.
readings as (
    {%- for is_swapped in [false, true] %}
    {%- set axes = ['latitude', 'longitude'] if is_swapped else ['longitude', 'latitude'] %}
    select
        place_key,
        county_code,
        {{ 'true' if is_swapped else 'false' }} as is_swapped,
        {{ '0' if is_swapped else 'case when is_default then 0 else 1 end' }} as itself,
        {{ axes[0] }} as longitude,
        {{ axes[1] }} as latitude,
        cast(floor({{ axes[0] }} / {{ square }}) as bigint) as x,
        cast(floor({{ axes[1] }} / {{ square }}) as bigint) as y,
        cast(floor({{ axes[0] }} / {{ block }}) as bigint) as block_x,
        cast(floor({{ axes[1] }} / {{ block }}) as bigint) as block_y,
        cast(floor({{ axes[0] }} / {{ window }}) as bigint) as window_x,
        cast(floor({{ axes[1] }} / {{ window }}) as bigint) as window_y
    from statements
    where {{ is_on_globe(axes[0], axes[1]) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- How far from the middle, and whether its county has most of the other points of its square.
company as (
    select
        readings.*,
        reaches.is_measured,
        {{ metres_apart('readings.longitude', 'readings.latitude', 'reaches.longitude', 'reaches.latitude') }}
        > reaches.reach_m as is_beyond,
        coalesce(
            (squares_counted.points - readings.itself) * 2 > squares_counted.all_points - readings.itself, false
        ) as is_at_home
    from readings
    inner join reaches on readings.county_code = reaches.county_code
    left join squares_counted
        on
            readings.county_code = squares_counted.county_code
            and readings.x = squares_counted.x
            and readings.y = squares_counted.y
),

doubtful as (
    select * from company
    where not is_swapped and not is_beyond and not is_at_home
),

near_own as (
    select
        doubtful.place_key,
        min({{ metres_apart('doubtful.longitude', 'doubtful.latitude', 'blocks.longitude', 'blocks.latitude') }}) as metres
    from doubtful
    inner join blocks on doubtful.county_code = blocks.county_code
    where
        -- Its own word does not count, nor that of one other.
        blocks.points - case when doubtful.block_x = blocks.x and doubtful.block_y = blocks.y then doubtful.itself else 0 end
        > 1
    group by doubtful.place_key
),

steps as (
    {%- for step in [-1, 0, 1] %}
    select {{ step }} as step{{ ' union all' if not loop.last }}
    {%- endfor %}
),

around as (
    select
        doubtful.place_key,
        squares.county_code = doubtful.county_code as is_own,
        squares.longitude - doubtful.longitude as east,
        squares.latitude - doubtful.latitude as north,
        {{ metres_apart('doubtful.longitude', 'doubtful.latitude', 'squares.longitude', 'squares.latitude') }} as metres
    from doubtful
    cross join steps as steps_east
    cross join steps as steps_north
    inner join squares
        on
            doubtful.window_x + steps_east.step = squares.window_x
            and doubtful.window_y + steps_north.step = squares.window_y
    where
        -- Its own word does not count: the square it stands in votes only if others made it another county's.
        (doubtful.x <> squares.x or doubtful.y <> squares.y or doubtful.county_code <> squares.county_code)
),

ranked_around as (
    select
        around.*,
        row_number() over (partition by place_key order by metres, east, north) as nearness
    from around
),

votes as (
    select
        ranked_around.place_key,
        count(case when ranked_around.is_own then 1 end) as own_votes,
        -- Whoever lives at the border has the others on one side, whoever strayed among them has them around.
        count(distinct case
            when not ranked_around.is_own
                then
                    (case when ranked_around.east > 0 then 4 else 0 end)
                    + (case when ranked_around.north > 0 then 2 else 0 end)
                    + (case when abs(ranked_around.east) > abs(ranked_around.north) then 1 else 0 end)
        end) as other_sides
    from ranked_around
    cross join rules
    where ranked_around.nearness <= rules.votes
    group by ranked_around.place_key
),

strayed as (
    select votes.place_key
    from votes
    cross join rules
    left join near_own on votes.place_key = near_own.place_key
    where
        votes.own_votes < rules.own_votes_below
        and votes.other_sides >= rules.sides_from
        and coalesce(near_own.metres > rules.near_own_m, true)
),

compared as (
    select
        statements.*,
        {{ is_on_globe('statements.longitude', 'statements.latitude') }} as is_on_globe,
        {{ is_on_globe('statements.latitude', 'statements.longitude') }} as is_swapped_on_globe,
        sent.place_key is not null as is_comparable,
        not coalesce(sent.is_beyond, false) and strayed.place_key is null as is_inside,
        coalesce(sent.is_measured or sent.is_at_home or near_own.metres <= rules.near_own_m, false) as is_measured,
        coalesce(sent.is_beyond and not swapped.is_beyond, false) as is_swapped_inside
    from statements
    left join company as sent on statements.place_key = sent.place_key and not sent.is_swapped
    left join company as swapped on statements.place_key = swapped.place_key and swapped.is_swapped
    left join strayed on statements.place_key = strayed.place_key
    left join near_own on statements.place_key = near_own.place_key
    cross join rules
),

reasoned as (
    select
        compared.*,
        case
            when longitude is null or latitude is null then 'not_sent'
            when is_default then 'default_point'
            -- Nowhere as sent, somewhere the other way round: in China, what has its axes swapped says a latitude above 90.
            when not is_on_globe and is_swapped_on_globe then 'swapped_axes'
            when not is_on_globe then 'off_the_globe'
            when county_code is null then 'division_unknown'
            when not is_comparable then 'too_few_points'
            when is_inside and is_measured then 'inside_division'
            when is_inside then 'too_few_points'
            when is_swapped_inside then 'swapped_axes'
            else 'outside_division'
        end as point_reason
    from compared
),

final as (
    select
        place_key,
        division_code,
        division_method,
        longitude,
        latitude,
        case
            when point_reason = 'not_sent' then 'none'
            when point_reason = 'inside_division' then 'checked'
            when point_reason in ('division_unknown', 'too_few_points') then 'unchecked'
            else 'refused'
        end as point_trust,
        point_reason
    from reasoned
)

select * from final
