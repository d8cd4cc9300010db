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
        {{ text_key(['topped.name', 'topped.parent_code', 'topped.level', 'topped.urban_rural_code']) }} as identity
    from topped
    inner join ordered_scopes
        on
            topped.top_code = ordered_scopes.top_code
            and topped.level = ordered_scopes.level
            and topped.vintage = ordered_scopes.vintage
),

-- Same description in consecutive vintages: one row. The ordinal minus the count within the description is constant there.
runs as (
    select
        described.*,
        ordinal - row_number() over (partition by code, level, identity order by ordinal) as run
    from described
),

numbered as (
    select
        runs.*,
        min(vintage) over (partition by code, level, identity, run) as first_vintage,
        row_number() over (partition by code, level, identity, run order by ordinal desc) as from_last
    from runs
),

final as (
    select
        {{ text_key(['numbered.code', 'numbered.first_vintage', 'numbered.level', 'numbered.identity']) }} as division_key,
        numbered.code as division_code,
        numbered.first_vintage as valid_from_year,
        numbered.next_vintage - 1 as valid_to_year,
        numbered.name,
        numbered.full_name,
        numbered.level,
        numbered.parent_code,
        numbered.urban_rural_code,
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
    left join area_types on substr(numbered.urban_rural_code, 1, 1) = area_types.first_digit
    left join virtual_villages on substr(numbered.code, 10, 3) = virtual_villages.last_three_digits
    where numbered.from_last = 1
)

select * from final
