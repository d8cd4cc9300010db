{#-
  From the top down, what is still unmatched is asked again below the units that by now are known to carry on the one above it,
  whatever became of its code and name. One level at a time: a town found below its county is where its villages are looked for.
-#}
{%- set levels = ['county', 'town', 'village'] -%}
with

unmatched as (
    select * from {{ ref('division_unmatched') }}
),

ties as (
    select * from {{ ref('division_ties') }}
),

shares as (
    select * from {{ ref('division_child_shares') }}
),

apart as (
    {{ pairs_told_apart() }}
),

ways_up as (
    select 1 as steps_up
    union all
    select 2 as steps_up
),

-- Where each unit above was carried on: as matched, or, where its own lists run in other steps, as the units below it say.
above_0 as (
    select
        from_vintage,
        to_vintage,
        old_code,
        new_code
    from ties
    where new_code is not null and level <> 'village'
    union
    select
        from_vintage,
        to_vintage,
        old_code,
        new_code
    from shares
    where children_share >= {{ var('division_split_share') }}
),
{%- for level in levels %}

-- The same name below the same parent is the best sign (1), the same stem two levels up the least (4).
alike_{{ loop.index }} as (
    select
        {{ unit_pair() }},
        min(ways_up.steps_up * 2 - case when older.name = newer.name then 1 else 0 end) as sign_no
    from unmatched as older
    cross join ways_up
    inner join above_{{ loop.index0 }} as above
        on
            older.vintage = above.from_vintage
            and older.met_in = above.to_vintage
            and case ways_up.steps_up when 1 then older.parent_code else older.grandparent_code end = above.old_code
    inner join unmatched as newer
        on
            above.to_vintage = newer.vintage
            and above.new_code = case ways_up.steps_up when 1 then newer.parent_code else newer.grandparent_code end
            and older.level = newer.level
            and older.name_stem = newer.name_stem
    where older.side = 'older' and newer.side = 'newer' and older.level = '{{ level }}'
    group by older.vintage, newer.vintage, older.level, older.code, newer.code
),

compared_{{ loop.index }} as (
    select
        alike.*,
        min(alike.sign_no) over (partition by alike.from_vintage, alike.to_vintage, alike.old_code) as best_of_old,
        min(alike.sign_no) over (partition by alike.from_vintage, alike.to_vintage, alike.new_code) as best_of_new
    from alike_{{ loop.index }} as alike
),

counted_{{ loop.index }} as (
    select
        compared.*,
        count(*) over (partition by from_vintage, to_vintage, old_code) as pairs_of_old,
        count(*) over (partition by from_vintage, to_vintage, new_code) as pairs_of_new
    from compared_{{ loop.index }} as compared
    where sign_no = best_of_old and sign_no = best_of_new
),

found_{{ loop.index }} as (
    select
        from_vintage,
        to_vintage,
        level,
        old_code,
        new_code,
        case when sign_no <= 2 then 'same_stem_parent_carried_on' else 'same_stem_grandparent_carried_on' end as reason
    from counted_{{ loop.index }}
    where pairs_of_old = 1 and pairs_of_new = 1
),
{%- if not loop.last %}

above_{{ loop.index }} as (
    select * from above_{{ loop.index0 }}
    union
    select
        from_vintage,
        to_vintage,
        old_code,
        new_code
    from found_{{ loop.index }}
),
{%- endif %}
{%- endfor %}

found as (
    {%- for level in levels %}
    select
        {{ unit_pair_columns() }}
    from found_{{ loop.index }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select found.*
    from found
    left join apart
        on
            found.to_vintage = apart.to_vintage
            and found.old_code = apart.old_code
            and found.new_code = apart.new_code
    where apart.old_code is null
)

select * from final
