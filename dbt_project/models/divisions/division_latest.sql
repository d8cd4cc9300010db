with

history as (
    select * from {{ ref('dim_division_history') }}
),

ranked as (
    select
        history.*,
        row_number() over (
            partition by division_code
            order by (case when valid_to_year is null then 1 else 0 end) desc, valid_from_year desc
        ) as newest,
        min(unit_since_year) over (partition by division_code) as first_used
    from history
),

named as (
    select
        ranked.*,
        {{ fold_name('full_name') }} as folded_name
    from ranked
    where newest = 1
),

final as (
    select
        division_key,
        division_code,
        valid_from_year,
        valid_to_year,
        -- Null where the code has been one unit's all along.
        case when unit_since_year > first_used then unit_since_year end as reused_since_year,
        name,
        full_name,
        folded_name,
        -- A full name may place a row only if one unit in force bears it.
        valid_to_year is null
        and count(*) over (partition by folded_name, (valid_to_year is null)) = 1 as is_name_unique,
        level,
        parent_code,
        area_type,
        area_type_null_reason,
        urban_rural_year,
        is_virtual,
        province_code,
        city_code,
        county_code,
        town_code,
        village_code,
        longitude,
        latitude,
        problem,
        is_fictional,
        sender
    from named
)

select * from final
