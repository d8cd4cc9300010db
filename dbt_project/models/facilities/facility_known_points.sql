with

statements as (
    select * from {{ ref('facility_statements') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

-- Each point counts once, so that a facility which is described again does not bear witness for itself.
final as (
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
)

select * from final
