with

source as (
    select * from {{ source('evaluation', 'survey_samples') }}
),

final as (
    select
        wave,
        respondent_id,
        division_code,
        stratum,
        psu,
        base_weight,
        stratum_psus,
        stratum_population,
        outcome,
        sex,
        age_band,
        area_type,
        mode,
        seconds,
        answered_on,
        _feed,
        _sender,
        _receipt,
        _row,
        _received_at,
        _contract_version
    from source
)

select * from final
