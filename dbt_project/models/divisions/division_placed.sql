with

divisions as (
    select * from {{ ref('stg_reference__divisions') }}
),

division_levels as (
    select * from {{ ref('division_levels') }}
),

delivered as (
    {{ newest_delivery('divisions', by=['vintage']) }}
),

in_force as (
    select * from delivered
    where not is_marked_abolished
),

-- Two senders may describe one unit in one vintage: the later word counts. A city without counties stands in some lists once more
-- as its own county, town and village: those rows come last.
units as (
    {{ newest_row('in_force', key=['vintage', 'code'], last='is_below_itself') }}
),

disputed as (
    select
        vintage,
        code
    from in_force
    where is_below_itself is not true
    group by vintage, code
    -- Who does not say what stands above does not contradict.
    having min(name) <> max(name) or min(parent_code) <> max(parent_code)
),

missing as (
    select distinct
        unit.vintage,
        unit.parent_code
    from units as unit
    left join units as parent
        on
            unit.vintage = parent.vintage
            and unit.parent_code = parent.code
    where unit.parent_code is not null and parent.code is null
),

-- A missing town's code may still say the county: what lay below it counts there, and is not lost to every sum above.
stand_ins as (
    {%- for level in range(place().division_digits | length - 1) | reverse %}
    select
        missing.vintage,
        missing.parent_code,
        units.code,
        division_levels.depth,
        {{ place().division_digits[level] }} as digits
    from missing
    inner join units
        on
            missing.vintage = units.vintage
            and {{ division_code_above('missing.parent_code', level) }} = units.code
    inner join division_levels on units.level = division_levels.level
    where length(missing.parent_code) = {{ place().division_digits[-1] }}
    {{ 'union all' if not loop.last }}
    {%- else %}
    select
        missing.vintage,
        missing.parent_code,
        missing.parent_code as code,
        0 as depth,
        0 as digits
    from missing
    where false
    {%- endfor %}
),

nearest_stand_in as (
    select
        stand_ins.*,
        row_number() over (partition by vintage, parent_code order by digits desc) as place
    from stand_ins
),

final as (
    select
        unit.vintage,
        unit.code,
        unit.name,
        unit.parent_code,
        unit.level,
        unit.urban_rural_code,
        unit.longitude,
        unit.latitude,
        unit._sender as sender,
        unit._receipt as receipt,
        missing.parent_code is not null as is_orphan,
        case
            when missing.parent_code is null then unit.parent_code
            when stand_in.depth < division_levels.depth then stand_in.code
            else unit.parent_code
        end as above_code,
        disputed.code is not null as is_disputed
    from units as unit
    left join missing
        on
            unit.vintage = missing.vintage
            and unit.parent_code = missing.parent_code
    left join nearest_stand_in as stand_in
        on
            unit.vintage = stand_in.vintage
            and unit.parent_code = stand_in.parent_code
            and stand_in.place = 1
    left join division_levels on unit.level = division_levels.level
    left join disputed
        on
            unit.vintage = disputed.vintage
            and unit.code = disputed.code
)

select * from final
