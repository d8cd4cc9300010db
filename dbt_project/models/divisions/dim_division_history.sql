with

vintages as (
    select * from {{ ref('division_vintages') }}
),

area_types as (
    select
        substr(code, 1, 1) as first_digit,
        min(area_type) as area_type
    from {{ ref('urban_rural_classes') }}
    group by substr(code, 1, 1)
),

scopes as (
    select * from {{ ref('division_scopes') }}
),

successors as (
    select * from {{ ref('division_successor') }}
),

virtual_villages as (
    select * from {{ ref('virtual_villages') }}
),

continued as (
    select
        to_vintage,
        new_code,
        level
    from successors
    where old_code = new_code
),

ended as (
    select
        to_vintage,
        old_code,
        level,
        min(change) as change,
        case when count(*) = 1 then min(new_code) end as successor_code
    from successors
    where old_code is not null
    group by to_vintage, old_code, level
),

described as (
    select
        vintages.vintage,
        vintages.code,
        vintages.level,
        vintages.urban_rural_code,
        continued.new_code is not null as is_continued,
        scopes.ordinal,
        scopes.next_vintage,
        vintages.name || '|' || coalesce(vintages.parent_code, '') as description
    from vintages
    inner join scopes
        on
            vintages.top_code = scopes.top_code
            and vintages.level = scopes.level
            and vintages.vintage = scopes.vintage
    left join continued
        on
            vintages.vintage = continued.to_vintage
            and vintages.code = continued.new_code
            and vintages.level = continued.level
),

compared as (
    select
        described.*,
        lag(description) over (partition by code, level order by ordinal) as description_before,
        lag(urban_rural_code) over (partition by code, level order by ordinal) as class_before,
        lag(ordinal) over (partition by code, level order by ordinal) as ordinal_before
    from described
),

-- The same description in consecutive vintages is one run; a new description, or a vintage left out, begins another. A vintage
-- that states no urban-rural class contradicts none.
numbered as (
    select
        compared.*,
        sum(
            case
                when
                    description = description_before
                    and ordinal = ordinal_before + 1
                    and coalesce(urban_rural_code, class_before, '') = coalesce(class_before, urban_rural_code, '')
                    then 0
                else 1
            end
        ) over (
            partition by code, level
            order by ordinal
            rows between unbounded preceding and current row
        ) as run,
        -- A code given to another unit begins another life.
        sum(case when is_continued then 0 else 1 end) over (
            partition by code, level
            order by ordinal
            rows between unbounded preceding and current row
        ) as life
    from compared
),

lives as (
    select
        code,
        level,
        life,
        min(vintage) as born
    from numbered
    group by code, level, life
),

runs as (
    select
        code,
        level,
        run,
        min(vintage) as first_vintage,
        max(vintage) as last_vintage,
        max(case when urban_rural_code is not null then vintage end) as class_vintage
    from numbered
    group by code, level, run
),

final as (
    select
        numbered.code || '@' || cast(runs.first_vintage as string) || '@' || numbered.level as division_key,
        numbered.code || '@' || cast(lives.born as string) || '@' || numbered.level as unit_key,
        lives.born as unit_since_year,
        numbered.code as division_code,
        runs.first_vintage as valid_from_year,
        numbered.next_vintage - 1 as valid_to_year,
        ended.change as ended_by,
        ended.successor_code,
        vintages.name,
        vintages.full_name,
        numbered.level,
        vintages.parent_code,
        classed.urban_rural_code,
        runs.class_vintage as urban_rural_year,
        area_types.area_type,
        case when area_types.area_type is null then 'not_stated' end as area_type_null_reason,
        coalesce(numbered.level = 'village' and virtual_villages.last_three_digits is not null, false) as is_virtual,
        vintages.province_code,
        vintages.city_code,
        vintages.county_code,
        vintages.town_code,
        vintages.village_code,
        vintages.longitude,
        vintages.latitude,
        vintages.problem,
        {{ is_fictional_division('numbered.code') }} as is_fictional,
        vintages.sender,
        vintages.receipt
    from numbered
    inner join runs
        on
            numbered.code = runs.code
            and numbered.level = runs.level
            and numbered.run = runs.run
            and numbered.vintage = runs.last_vintage
    inner join vintages
        on
            numbered.vintage = vintages.vintage
            and numbered.code = vintages.code
    inner join lives
        on
            numbered.code = lives.code
            and numbered.level = lives.level
            and numbered.life = lives.life
    left join ended
        on
            numbered.next_vintage = ended.to_vintage
            and numbered.code = ended.old_code
            and numbered.level = ended.level
    left join numbered as classed
        on
            runs.code = classed.code
            and runs.level = classed.level
            and runs.class_vintage = classed.vintage
    left join area_types on substr(classed.urban_rural_code, 1, 1) = area_types.first_digit
    left join virtual_villages
        on
            length(numbered.code) = 12
            and substr(numbered.code, 10, 3) = virtual_villages.last_three_digits
)

select * from final
