{#-
  Units that one round of matching has not found are looked for again, now that it is known where those above them and below them went: from
  the top down by name (refound), then from the bottom up by what lies below (late_heirs). A further round builds on what the ones before it
  found (`earlier`: their models); the last finds nothing more, or a test says so (division_rounds_suffice).
-#}

{#- CTE `unmatched`: the units of division_unmatched that no model of `earlier` has found. A round's refound reads it in many places, so
    there it is a model of its own (division_unmatched_2, …). -#}
{% macro still_unmatched(earlier) -%}
{%- if not earlier -%}
unmatched as (
    select * from {{ ref('division_unmatched') }}
)
{%- else -%}
found_earlier as (
    {%- for model in earlier %}
    select
        from_vintage,
        to_vintage,
        old_code,
        new_code
    from {{ ref(model) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

unmatched_at_first as (
    select * from {{ ref('division_unmatched') }}
),

unmatched as (
    select unmatched_at_first.*
    from unmatched_at_first
    left join found_earlier as as_old
        on
            unmatched_at_first.vintage = as_old.from_vintage
            and unmatched_at_first.code = as_old.old_code
            and unmatched_at_first.side = 'older'
    left join found_earlier as as_new
        on
            unmatched_at_first.vintage = as_new.to_vintage
            and unmatched_at_first.code = as_new.new_code
            and unmatched_at_first.side = 'newer'
    where as_old.old_code is null and as_new.new_code is null
)
{%- endif -%}
{%- endmacro %}

{#-
  What is still unmatched is asked again below the units that by now are known to carry on the one above it, whatever became of its code and
  name. One level at a time: a town found below its county is where its villages are looked for. A whole model.
-#}
{% macro refound(unmatched, earlier=[]) -%}
{%- set levels = ['county', 'town', 'village'] -%}
with

unmatched as (
    select * from {{ ref(unmatched) }}
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
    {%- for model in earlier %}
    union
    select
        from_vintage,
        to_vintage,
        old_code,
        new_code
    from {{ ref(model) }}
    {%- endfor %}
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
{%- endmacro %}

{#- Units whose own children, as found so far, went to a unit below another heading. A whole model; `earlier` as above, with this round's refound. -#}
{% macro late_heirs(earlier) -%}
with

vintages as (
    select * from {{ ref('division_vintages') }}
),

{{ still_unmatched(earlier) }},

twins as (
    select * from {{ ref('division_twins') }}
),

candidates as (
    select * from {{ ref('division_candidates') }}
),

apart as (
    {{ pairs_told_apart() }}
),

children as (
    select
        {{ unit_pair_columns() }}
    from twins
    {%- for model in earlier if model.startswith('division_refound') %}
    union all
    select
        {{ unit_pair_columns() }}
    from {{ ref(model) }}
    {%- endfor %}
),

{{ child_witnesses('children') }},

gone as (
    select * from unmatched
    where side = 'older'
),

unexplained as (
    select * from unmatched
    where side = 'newer'
),

-- One village that went there may be a namesake: two are asked for.
heirs as (
    {{ heirs_by_children('witnesses', 'candidates', 'vintages', 'gone', 'unexplained') }}
    and witnesses.children >= 2
),

final as (
    select heirs.*
    from heirs
    left join apart
        on
            heirs.to_vintage = apart.to_vintage
            and heirs.old_code = apart.old_code
            and heirs.new_code = apart.new_code
    {%- for model in earlier if model.startswith('division_late_heirs') %}
    left join {{ ref(model) }} as known_{{ loop.index }}
        on
            heirs.from_vintage = known_{{ loop.index }}.from_vintage
            and heirs.to_vintage = known_{{ loop.index }}.to_vintage
            and heirs.old_code = known_{{ loop.index }}.old_code
            and heirs.new_code = known_{{ loop.index }}.new_code
    {%- endfor %}
    where
        apart.old_code is null
        {%- for model in earlier if model.startswith('division_late_heirs') %}
        and known_{{ loop.index }}.old_code is null
        {%- endfor %}
)

select * from final
{%- endmacro %}

{#-
  Units whose children went to one unit of their level (`witnesses`: pairs with their share of the children): a unit that is gone lives on
  where they went, one that stayed has split where many went to a unit nobody knew. A query that ends in a where.
-#}
{% macro heirs_by_children(witnesses, older_units, newer_units, gone, unexplained) -%}
    select
        {{ unit_pair() }},
        'children_went_there' as reason,
        {{ witnesses }}.children_share
    from {{ witnesses }}
    inner join {{ older_units }} as older
        on
            {{ witnesses }}.from_vintage = older.vintage
            and {{ witnesses }}.to_vintage = older.next_vintage
            and {{ witnesses }}.old_code = older.code
    inner join {{ newer_units }} as newer
        on
            {{ witnesses }}.to_vintage = newer.vintage
            and {{ witnesses }}.new_code = newer.code
            and older.level = newer.level
    left join {{ gone }} as gone_units
        on
            older.vintage = gone_units.vintage
            and older.code = gone_units.code
    left join {{ unexplained }} as unexplained_units
        on
            newer.vintage = unexplained_units.vintage
            and newer.code = unexplained_units.code
    where
        {{ witnesses }}.children_share >= {{ var('division_split_share') }}
        and (gone_units.code is not null or unexplained_units.code is not null)
{%- endmacro %}
