with

divisions as (
    select * from {{ ref('dim_division') }}
),

-- People live at the point of their community.
final as (
    select
        division_code,
        full_name as division_name,
        coalesce(area_type, 'not_stated') as area_type,
        province_code,
        city_code,
        county_code,
        town_code,
        coalesce(city_code, province_code, county_code, town_code, division_code) as register_code,
        longitude,
        latitude,
        population as residents
    from divisions
    where
        level = 'village'
        and is_in_force
        and not is_virtual
)

select * from final
