{%- set group = 'period_kind, period_start, dimension, peer_group' -%}
{%- set peers = 'partition by ' ~ group ~ ', is_compared' -%}
{#- Beyond a prior of ten million reviews more is no different: the units differ no more than chance. -#}
{%- set largest_prior = '1e7' -%}
{%- set previous = effective('previous_active_reviews', 'previous_design_effect') -%}
{%- set previous_good = effective('previous_good_reviews', 'previous_design_effect') -%}
with

units as (
    select * from {{ ref('review_units_under_policy') }}
),

-- Only what a unit is compared by: its peers are gone through several times, and not with all its figures in hand.
rates_compared as (
    select
        period_kind,
        period_start,
        dimension,
        code,
        peer_group,
        active_reviews,
        good_reviews,
        {{ ranked_good() }} as ranked_good,
        previous_active_reviews,
        design_effect,
        previous_design_effect,
        interval_z,
        prior_units_min,
        {{ ranked_reviews() }} as ranked_reviews,
        {{ ratio(ranked_good(), ranked_reviews()) }} as ranked_rate,
        {{ ratio('good_reviews', 'active_reviews') }} as good_rate,
        {{ wilson(effective('good_reviews'), effective('active_reviews'), 'interval_z', 'lo') }} as good_rate_lo,
        {{ wilson(effective('good_reviews'), effective('active_reviews'), 'interval_z', 'hi') }} as good_rate_hi,
        {{ ratio('previous_good_reviews', 'previous_active_reviews') }} as previous_rate,
        {{ wilson(previous_good, previous, 'interval_z', 'lo') }} as previous_rate_lo,
        {{ wilson(previous_good, previous, 'interval_z', 'hi') }} as previous_rate_hi,
        {{ ratio(effective('good_reviews') ~ ' + ' ~ previous_good, '(' ~ effective('active_reviews') ~ ' + ' ~ previous ~ ')') }}
            as rate_of_both,
        -- What could not be placed is no unit: it is shown, and compared with nothing.
        active_reviews > 0 and policy is not null and not {{ is_no_unit('code') }} as is_compared
    from units
),

-- Rates of this period against the one before: the score test, whose common rate is that of both periods together.
changed as (
    select
        rates_compared.*,
        good_rate - previous_rate as good_rate_change,
        {{ newcombe('good_rate', 'previous_rate', 'lo') }} as good_rate_change_lo,
        {{ newcombe('good_rate', 'previous_rate', 'hi') }} as good_rate_change_hi,
        case
            when rate_of_both in (0, 1) then 0.0
            when previous_active_reviews > 0 and active_reviews > 0
                then
                    (good_rate - previous_rate)
                    / sqrt(
                        rate_of_both * (1 - rate_of_both)
                        * (design_effect / active_reviews + previous_design_effect / previous_active_reviews)
                    )
        end as change_z,
        count(*) over ({{ peers }}) as units_ranked,
        cast(sum(ranked_reviews) over ({{ peers }}) as double) as peer_reviews,
        {{ ratio('sum(ranked_good) over (' ~ peers ~ ')', 'sum(ranked_reviews) over (' ~ peers ~ ')') }} as peer_rate,
        -- The design effect of the peers together: one of its own would let a unit stand nearer to them by how its reviews lie.
        {{ ratio('sum(ranked_reviews * design_effect) over (' ~ peers ~ ')', 'sum(ranked_reviews) over (' ~ peers ~ ')') }}
            as peer_effect,
        sum(cast(ranked_reviews as double) * ranked_reviews) over ({{ peers }}) as peer_squares,
        {{ two_sided_p('interval_z') }} as interval_p
    from rates_compared
),

tested as (
    select
        changed.*,
        case when good_rate_change is not null then {{ two_sided_p('change_z') }} end as good_rate_change_p,
        sum(ranked_reviews * (ranked_rate - peer_rate) * (ranked_rate - peer_rate)) over ({{ peers }})
        / nullif(peer_rate * (1 - peer_rate), 0) / peer_effect as peer_dispersion,
        (peer_reviews - peer_squares / nullif(peer_reviews, 0)) / peer_effect - (units_ranked - 1) as peer_information,
        -- Intervals that hold for all peers together, each at 1 − α / number of peers (domain notes, Ranks).
        {{ upper_tail_z('(interval_p / (2.0 * units_ranked))') }} as joint_z
    from changed
),

-- The share of the units in the variance, by the method of moments (Kleinman 1973): how strongly reviews of one unit agree.
moments as (
    select
        tested.*,
        case when peer_information > 0 then (peer_dispersion - (units_ranked - 1)) / peer_information end as agreement,
        good_rate_change_p * count(good_rate_change_p) over (partition by period_kind, period_start, dimension)
        / nullif(count(good_rate_change_p) over (
            partition by period_kind, period_start, dimension
            order by good_rate_change_p nulls last
        ), 0) as p_times_tests,
        case
            when is_compared then {{ wilson(effective('ranked_good'), effective('ranked_reviews'), 'joint_z', 'lo') }}
        end as joint_lo,
        case
            when is_compared then {{ wilson(effective('ranked_good'), effective('ranked_reviews'), 'joint_z', 'hi') }}
        end as joint_hi
    from tested
),

drawn as (
    select
        moments.*,
        case
            when is_compared and units_ranked >= prior_units_min
                then
                    case
                        when coalesce(agreement, 0) <= 0 then {{ largest_prior }}
                        when agreement >= 1 then 0.0
                        else least(peer_effect * (1 - agreement) / agreement, {{ largest_prior }})
                    end
        end as prior_reviews,
        -- Benjamini and Hochberg 1995: the smallest p × tests / place among the changes at least as unlikely.
        case
            when good_rate_change_p is not null
                then
                    least(1.0, min(p_times_tests) over (
                        partition by period_kind, period_start, dimension
                        order by good_rate_change_p desc nulls last
                    ))
        end as good_rate_change_p_adjusted
    from moments
),

-- Who surely stands above and below: bounds in one line, counted as they are passed.
bounds as (
    select
        period_kind,
        period_start,
        dimension,
        peer_group,
        code,
        joint_lo as bound,
        1 as is_lo
    from drawn
    where is_compared
    union all
    select
        period_kind,
        period_start,
        dimension,
        peer_group,
        code,
        joint_hi as bound,
        0 as is_lo
    from drawn
    where is_compared
),

passed as (
    select
        bounds.*,
        sum(is_lo) over (
            partition by {{ group }}
            order by bound desc, is_lo asc
        ) as lows_above,
        sum(1 - is_lo) over (
            partition by {{ group }}
            order by bound asc, is_lo desc
        ) as highs_below
    from bounds
),

rank_bounds as (
    select
        period_kind,
        period_start,
        dimension,
        code,
        max(case when is_lo = 0 then lows_above end) as surely_better,
        max(case when is_lo = 1 then highs_below end) as surely_worse
    from passed
    group by period_kind, period_start, dimension, code
),

final as (
    select
        drawn.period_kind,
        drawn.period_start,
        drawn.dimension,
        drawn.code,
        drawn.is_compared,
        drawn.units_ranked,
        drawn.peer_rate,
        cast(drawn.prior_reviews as double) as prior_reviews,
        cast(rank() over (
            partition by drawn.period_kind, drawn.period_start, drawn.dimension, drawn.peer_group, drawn.is_compared
            order by drawn.ranked_rate desc nulls last
        ) as bigint) as place,
        cast(rank_bounds.surely_better as bigint) as surely_better,
        cast(rank_bounds.surely_worse as bigint) as surely_worse,
        drawn.good_rate_change,
        drawn.good_rate_change_lo,
        drawn.good_rate_change_hi,
        drawn.good_rate_change_p,
        drawn.good_rate_change_p_adjusted
    from drawn
    left join rank_bounds
        on
            drawn.period_kind = rank_bounds.period_kind
            and drawn.period_start = rank_bounds.period_start
            and drawn.dimension = rank_bounds.dimension
            and drawn.code = rank_bounds.code
)

select * from final
