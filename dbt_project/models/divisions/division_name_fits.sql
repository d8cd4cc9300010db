{#-
  Names that are no unit's full name: an ending of the path, a path with levels left out, its names in another order. The names sent
  say which unit is meant if all of them lie on its path and the unit itself is one of them.
-#}
{%- set above = ['province', 'city', 'county', 'town'] -%}
{%- set most_parts = 6 -%}
with

sent as (
    select * from {{ ref('named_places') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

folded as (
    select distinct
        {{ fold_name('sent.division_name') }} as folded_name,
        translate(sent.division_name, '{{ name_separators() }}()（）', '||||||||||||') as with_bars
    from sent
    left join divisions as by_code on sent.division_code = by_code.division_code
    where by_code.division_code is null and sent.division_name is not null
),

-- Blanks part names only where nothing else does: a name may hold some.
unplaced as (
    select
        folded.folded_name,
        case when folded.with_bars like '%|%' then folded.with_bars else translate(folded.with_bars, ' 　', '||') end as with_bars
    from folded
    left join divisions as by_name
        on
            by_name.is_name_unique
            and folded.folded_name = by_name.folded_name
    where by_name.division_code is null and folded.folded_name is not null
),

in_force as (
    select
        *,
        {{ fold_name('name') }} as own_name
    from divisions
    where valid_to_year is null
),

-- As one text, which ends with the unit's own name.
lengths as (
    {%- for n in range(1, 41) %}
    select {{ n }} as n{{ ' union all' if not loop.last }}
    {%- endfor %}
),

endings as (
    select
        unplaced.folded_name,
        lengths.n,
        substr(unplaced.folded_name, length(unplaced.folded_name) - lengths.n + 1) as own_name
    from unplaced
    inner join lengths on length(unplaced.folded_name) >= lengths.n
),

-- As parts, of which any may be the unit's own name.
positions as (
    {%- for n in range(1, most_parts + 1) %}
    select {{ n }} as n{{ ' union all' if not loop.last }}
    {%- endfor %}
),

parted as (
    select
        unplaced.folded_name,
        positions.n,
        split_part(unplaced.with_bars, '|', positions.n) as part
    from unplaced
    cross join positions
    where split_part(unplaced.with_bars, '|', {{ most_parts + 1 }}) = ''
),

parts as (
    select
        folded_name,
        n,
        {{ fold_name('part') }} as part
    from parted
),

counted_parts as (
    select
        parts.*,
        count(*) over (partition by folded_name) as parts_sent
    from parts
    where part is not null
),

may_be as (
    select
        endings.folded_name,
        in_force.division_code,
        substr(endings.folded_name, 1, length(endings.folded_name) - endings.n) as before_it,
        cast(null as bigint) as own_position,
        cast(null as bigint) as parts_sent
    from endings
    inner join in_force on endings.own_name = in_force.own_name
    union all
    select
        parts.folded_name,
        in_force.division_code,
        cast(null as string) as before_it,
        cast(parts.n as bigint) as own_position,
        parts.parts_sent
    from counted_parts as parts
    inner join in_force on parts.part = in_force.own_name
    where parts.parts_sent > 1
),

-- The names above each unit; null where the path has no such level.
pathed as (
    select
        may_be.*,
        units.full_name
        {%- for level in above %},
        {{ level }}s.own_name as {{ level }}_name
        {%- endfor %}
    from may_be
    inner join in_force as units on may_be.division_code = units.division_code
    {%- for level in above %}
    left join in_force as {{ level }}s
        on
            units.{{ level }}_code = {{ level }}s.division_code
            and units.division_code <> {{ level }}s.division_code
    {%- endfor %}
),

-- What stands before the unit's own name is taken off from the top down.
stripped_0 as (
    select
        pathed.*,
        0 as names_used,
        {%- for level in above %}
        case when {{ level }}_name is null then 0 else 1 end {{ '+' if not loop.last else 'as names_above' }}
        {%- endfor %}
    from pathed
),

{%- for level in above %}

stripped_{{ loop.index }} as (
    select
        folded_name,
        division_code,
        full_name,
        own_position,
        parts_sent,
        {%- for each in above %}
        {{ each }}_name,
        {%- endfor %}
        names_above,
        case
            when substr(before_it, 1, length({{ level }}_name)) = {{ level }}_name
                then substr(before_it, length({{ level }}_name) + 1)
            else before_it
        end as before_it,
        names_used + case when substr(before_it, 1, length({{ level }}_name)) = {{ level }}_name then 1 else 0 end as names_used
    from stripped_{{ loop.index0 }}
),
{%- endfor %}

-- Every other part is the name of a unit above; a municipality's may be written twice (北京市、北京市、朝阳区).
other_parts as (
    select
        stripped.folded_name,
        stripped.division_code,
        stripped.own_position,
        count(*) as on_the_path,
        count(distinct parts.part) as different
    from stripped_{{ above | length }} as stripped
    inner join counted_parts as parts
        on
            stripped.folded_name = parts.folded_name
            and stripped.own_position <> parts.n
    where
        false
        {%- for level in above %}
        or parts.part = stripped.{{ level }}_name
        {%- endfor %}
    group by stripped.folded_name, stripped.division_code, stripped.own_position
),

fitting as (
    select
        stripped.folded_name,
        stripped.division_code,
        stripped.full_name,
        stripped.names_above - coalesce(others.different, stripped.names_used) as names_missing
    from stripped_{{ above | length }} as stripped
    left join other_parts as others
        on
            stripped.folded_name = others.folded_name
            and stripped.division_code = others.division_code
            and stripped.own_position = others.own_position
    where
        stripped.before_it = ''
        or others.on_the_path = stripped.parts_sent - 1
),

fewest_missing as (
    select
        fitting.*,
        min(names_missing) over (partition by folded_name) as fewest
    from fitting
),

final as (
    select
        folded_name,
        case when count(distinct division_code) = 1 then min(division_code) end as division_code,
        count(distinct division_code) as units,
        min(full_name) as first_full_name,
        max(full_name) as last_full_name
    from fewest_missing
    where names_missing = fewest
    group by folded_name
)

select * from final
