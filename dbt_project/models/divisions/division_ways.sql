with

vintages as (
    select * from {{ ref('division_vintages') }}
),

sure as (
    select * from {{ ref('division_sure_ways') }}
),

-- A unit without heirs, or among whose heirs nobody can share it out, counts in the smallest unit that surely holds it.
stranded as (
    select vintages.*
    from vintages
    left join sure
        on
            vintages.vintage = sure.vintage
            and vintages.code = sure.code
    where sure.code is null
),

held as (
    select
        stranded.vintage,
        stranded.code,
        coalesce(
            in_town.to_vintage, in_county.to_vintage, in_city.to_vintage, in_province.to_vintage, stranded.vintage
        ) as to_vintage,
        coalesce(in_town.to_code, in_county.to_code, in_city.to_code, in_province.to_code, stranded.code) as to_code,
        cast(1 as double) as weight,
        coalesce(in_town.confidence, in_county.confidence, in_city.confidence, in_province.confidence, 1) as confidence,
        case
            when coalesce(in_town.to_code, in_county.to_code, in_city.to_code, in_province.to_code) is null then 4
            else 3
        end as method
    from stranded
    {%- for level in ['town', 'county', 'city', 'province'] %}
    left join sure as in_{{ level }}
        on
            stranded.vintage = in_{{ level }}.vintage
            and stranded.{{ level }}_code = in_{{ level }}.code
            and stranded.code <> in_{{ level }}.code
            and in_{{ level }}.method < 2
    {%- endfor %}
),

links as (
    select * from sure
    union all
    select * from held
),

final as (
    select
        links.*,
        ends.code is not null as is_there
    from links
    left join links as ends
        on
            links.to_vintage = ends.vintage
            and links.to_code = ends.code
            and ends.vintage = ends.to_vintage
            and ends.code = ends.to_code
)

select * from final
