with

statements as (
    select * from {{ ref('facility_statements') }}
),

reaches as (
    select * from {{ ref('facility_county_reaches') }}
),

squares as (
    select * from {{ ref('facility_squares') }}
    where grid = 'square'
),

readings as (
    {%- for is_swapped in [false, true] %}
    {%- set axes = ['latitude', 'longitude'] if is_swapped else ['longitude', 'latitude'] %}
    select
        place_key,
        county_code,
        {{ 'true' if is_swapped else 'false' }} as is_swapped,
        {{ '0' if is_swapped else 'case when is_default then 0 else 1 end' }} as itself,
        {{ axes[0] }} as longitude,
        {{ axes[1] }} as latitude
    from statements
    where {{ is_on_globe(axes[0], axes[1]) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select
        readings.place_key,
        readings.is_swapped,
        readings.county_code,
        readings.longitude,
        readings.latitude,
        readings.itself,
        reaches.is_measured,
        {{ metres_apart('readings.longitude', 'readings.latitude', 'reaches.longitude', 'reaches.latitude') }}
        > reaches.reach_m as is_beyond,
        coalesce((squares.points - readings.itself) * 2 > squares.all_points - readings.itself, false) as is_at_home
    from readings
    inner join reaches on readings.county_code = reaches.county_code
    left join squares
        on
            readings.county_code = squares.county_code
            and {{ grid_cell('readings.longitude', 'square') }} = squares.x
            and {{ grid_cell('readings.latitude', 'square') }} = squares.y
)

select * from final
