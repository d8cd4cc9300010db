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

virtual_villages as (
    select * from {{ ref('virtual_villages') }}
),

-- A vintage describes the levels it holds below the top units it holds: a list of counties does not abolish villages, and
-- one province's list says nothing of another's. Codes do not tell: 63 is Qinghai in one list and a city in another.
topped as (
    select
        vintages.*,
        coalesce(province_code, city_code, county_code, town_code, village_code, code) as top_code
    from vintages
),

scopes as (
    select distinct
        top_code,
        level,
        vintage
    from topped
),

ordered_scopes as (
    select
        top_code,
        level,
        vintage,
        row_number() over (partition by top_code, level order by vintage) as ordinal,
        lead(vintage) over (partition by top_code, level order by vintage) as next_vintage
    from scopes
),

described as (
    select
        topped.*,
        ordered_scopes.ordinal,
        ordered_scopes.next_vintage,
        topped.name || '|' || coalesce(topped.parent_code, '') as description
    from topped
    inner join ordered_scopes
        on
            topped.top_code = ordered_scopes.top_code
            and topped.level = ordered_scopes.level
            and topped.vintage = ordered_scopes.vintage
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
        ) as run
    from compared
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
        numbered.code as division_code,
        runs.first_vintage as valid_from_year,
        numbered.next_vintage - 1 as valid_to_year,
        numbered.name,
        numbered.full_name,
        numbered.level,
        numbered.parent_code,
        classed.urban_rural_code,
        runs.class_vintage as urban_rural_year,
        area_types.area_type,
        case when area_types.area_type is null then 'not_stated' end as area_type_null_reason,
        coalesce(numbered.level = 'village' and virtual_villages.last_three_digits is not null, false) as is_virtual,
        numbered.province_code,
        numbered.city_code,
        numbered.county_code,
        numbered.town_code,
        numbered.village_code,
        numbered.longitude,
        numbered.latitude,
        numbered.problem,
        substr(numbered.code, 1, 2) = '99' as is_fictional,
        numbered.sender,
        numbered.receipt
    from numbered
    inner join runs
        on
            numbered.code = runs.code
            and numbered.level = runs.level
            and numbered.run = runs.run
            and numbered.vintage = runs.last_vintage
    left join numbered as classed
        on
            runs.code = classed.code
            and runs.level = classed.level
            and runs.class_vintage = classed.vintage
    left join area_types on substr(classed.urban_rural_code, 1, 1) = area_types.first_digit
    left join virtual_villages on substr(numbered.code, 10, 3) = virtual_villages.last_three_digits
)

select * from final
