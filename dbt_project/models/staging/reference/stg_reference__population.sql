with

source as (
    select * from {{ source('reference', 'population') }}
),

final as (
    select
        division_code,
        division_name,
        year,
        households,
        population,
        aged_0_2,
        aged_60_plus,
        aged_65_plus,
        urban_residents,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
