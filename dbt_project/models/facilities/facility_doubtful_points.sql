with

doubtful as (
    select
        place_key,
        county_code,
        longitude,
        latitude,
        itself
    from {{ ref('facility_point_readings') }}
    where not is_swapped and not is_beyond and not is_at_home
),

owned as (
    select * from {{ ref('facility_squares') }}
    where is_owner
),

rules as (
    select
        {%- for parameter in ['near_own_m', 'votes', 'own_votes_below', 'sides_from'] %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('facility_place_rules') }}
),

near_own as (
    select
        doubtful.place_key,
        min({{ metres_apart('doubtful.longitude', 'doubtful.latitude', 'owned.longitude', 'owned.latitude') }}) as metres
    from doubtful
    inner join owned on doubtful.county_code = owned.county_code
    where
        owned.grid = 'block'
        -- Its own word does not count, nor that of one other.
        and owned.points
        - case
            when
                {{ grid_cell('doubtful.longitude', 'block') }} = owned.x
                and {{ grid_cell('doubtful.latitude', 'block') }} = owned.y
                then doubtful.itself
            else 0
        end
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
        owned.county_code = doubtful.county_code as is_own,
        owned.longitude - doubtful.longitude as east,
        owned.latitude - doubtful.latitude as north,
        {{ metres_apart('doubtful.longitude', 'doubtful.latitude', 'owned.longitude', 'owned.latitude') }} as metres
    from doubtful
    cross join steps as steps_east
    cross join steps as steps_north
    inner join owned
        on
            {{ grid_cell('doubtful.longitude', 'window') }} + steps_east.step = owned.window_x
            and {{ grid_cell('doubtful.latitude', 'window') }} + steps_north.step = owned.window_y
    where
        owned.grid = 'square'
        -- Its own word does not count: the square it stands in votes only if others made it another county's.
        and (
            {{ grid_cell('doubtful.longitude', 'square') }} <> owned.x
            or {{ grid_cell('doubtful.latitude', 'square') }} <> owned.y
            or doubtful.county_code <> owned.county_code
        )
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

final as (
    select
        doubtful.place_key,
        coalesce(near_own.metres <= rules.near_own_m, false) as is_near_own,
        coalesce(
            votes.own_votes < rules.own_votes_below
            and votes.other_sides >= rules.sides_from
            and coalesce(near_own.metres > rules.near_own_m, true),
            false
        ) as is_strayed
    from doubtful
    cross join rules
    left join near_own on doubtful.place_key = near_own.place_key
    left join votes on doubtful.place_key = votes.place_key
)

select * from final
