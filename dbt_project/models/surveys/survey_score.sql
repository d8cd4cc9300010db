with

estimates as (
    select * from {{ source('derived', 'survey_estimates') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

waves as (
    select distinct
        coalesce(held_on, {{ run_date() }}) as day_held,
        division_code
    from estimates
),

policies_in_force as (
    {{ in_force('waves', 'policies', key=['day_held', 'division_code'], day='day_held', division='division_code') }}
),

-- Areas with rules of their own inside the area of a row; what is no division may be anywhere.
ruled_inside as (
    select distinct
        waves.day_held,
        waves.division_code
    from waves
    inner join policies
        on
            {{ holds_on('policies', 'waves.day_held') }}
            and policies.area not in ('', waves.division_code)
    left join divisions as whole on waves.division_code = whole.division_code
    left join divisions as ruled on policies.area = ruled.division_code
    where
        whole.division_code is null
        or whole.division_code in (
            ruled.province_code, ruled.city_code, ruled.county_code, ruled.town_code, ruled.village_code
        )
),

-- A wave is read under the review policy that held in the nearest area while it was in the field.
governed as (
    select
        estimates.*,
        divisions.full_name as division_name,
        policies.policy,
        policies.version as policy_version,
        policies.area as policy_area,
        case when policies.policy is not null then ruled_inside.division_code is not null end as policy_is_mixed,
        policies.good_line,
        policies.bad_line,
        policies.participation_floor
    from estimates
    left join divisions on estimates.division_code = divisions.division_code
    left join policies_in_force as policies
        on
            coalesce(estimates.held_on, {{ run_date() }}) = policies.day_held
            and estimates.division_code = policies.division_code
    left join ruled_inside
        on
            coalesce(estimates.held_on, {{ run_date() }}) = ruled_inside.day_held
            and estimates.division_code = ruled_inside.division_code
),

judged as (
    select
        governed.*,
        -- Judged as reviews are; a wave that few answered is at best watched.
        {{ verdict_reason('good_share_lo', 'good_share_hi', 'response_rate', unjudged={
            'not_about_satisfaction': "role = 'background'",
            'too_few_answers': "unjudged_reason = 'too_few_answers'",
            'too_few_units': "unjudged_reason = 'too_few_units'",
            'no_interval': 'good_share_lo is null or good_share_hi is null',
        }) }} as verdict_reason
    from governed
),

final as (
    select
        cast(wave as string) as wave,
        cast(held_on as date) as held_on,
        cast(area_level as string) as area_level,
        cast(division_code as string) as division_code,
        division_name,
        cast(group_name as string) as group_name,
        cast(group_value as string) as group_value,
        cast(dimension as string) as dimension,
        cast(question_id as string) as question_id,
        cast(wording as string) as wording,
        -- Filled where the release hides a cell; the warehouse hides nothing.
        cast(null as string) as suppressed_reason,
        cast(question_text as string) as question_text,
        cast(role as string) as role,
        cast(n as bigint) as n,
        n_eff,
        mean,
        se,
        mean_lo,
        mean_hi,
        cast(df as bigint) as df,
        deff,
        top2_share,
        top2_share_lo,
        top2_share_hi,
        bottom2_share,
        bottom2_share_lo,
        bottom2_share_hi,
        net,
        net_se,
        net_lo,
        net_hi,
        good_share,
        good_share_lo,
        good_share_hi,
        dont_know_share,
        refused_share,
        nps,
        nps_se,
        nps_lo,
        nps_hi,
        acsi,
        acsi_se,
        acsi_lo,
        acsi_hi,
        cast(unflagged_n as bigint) as unflagged_n,
        unflagged_mean,
        unflagged_mean_se,
        unflagged_mean_lo,
        unflagged_mean_hi,
        unflagged_good_share,
        unflagged_good_share_lo,
        unflagged_good_share_hi,
        cast(previous_wave as string) as previous_wave,
        previous_mean,
        change,
        change_se,
        change_lo,
        change_hi,
        change_p,
        change_p_adjusted,
        cast(is_change_significant as boolean) as is_change_significant,
        cast(change_null_reason as string) as change_null_reason,
        mode_effect,
        mode_effect_se,
        mode_effect_lo,
        mode_effect_hi,
        mode_effect_p_adjusted,
        urban_rural_gap,
        urban_rural_gap_se,
        urban_rural_gap_lo,
        urban_rural_gap_hi,
        urban_rural_gap_p_adjusted,
        cast(rank as bigint) as area_rank,
        cast(rank_lo as bigint) as area_rank_lo,
        cast(rank_hi as bigint) as area_rank_hi,
        cast(n_ranked as bigint) as areas_ranked,
        sampling_se,
        modelled_mean,
        modelled_rmse,
        modelled_lo,
        modelled_hi,
        modelled_own_weight,
        coalesce(cast(is_modelled as boolean), false) as is_modelled,
        cast(modelled_covariates as string) as modelled_covariates,
        cast(modelled_null_reason as string) as modelled_null_reason,
        {{ verdict('verdict_reason') }} as verdict,
        verdict_reason,
        good_line,
        bad_line,
        participation_floor,
        policy,
        policy_version,
        policy_area,
        policy_is_mixed,
        response_rate,
        cast(is_weighted as boolean) as is_weighted,
        cast(flags as string) as flags,
        cast(null_reason as string) as null_reason,
        cast(interval_null_reason as string) as interval_null_reason
    from judged
)

select * from final
