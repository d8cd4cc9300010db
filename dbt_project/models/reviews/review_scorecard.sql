{%- set counts = review_count_columns() -%}
{#- rate: numerator, denominator, why the rate is null when the denominator is zero -#}
{%- set rates = {
    'participation_rate': ('active_reviews', 'contacts', 'no_contacts'),
    'good_rate': ('good_reviews', 'active_reviews', 'no_active_reviews'),
    'strictly_good_rate': ('strictly_good_reviews', 'active_reviews', 'no_active_reviews'),
    'bad_rate': ('bad_reviews', 'active_reviews', 'no_active_reviews'),
    'good_rate_all_contacts': ('good_reviews', 'contacts', 'no_contacts'),
    'not_reviewed_share': ('not_reviewed', 'contacts', 'no_contacts'),
    'rectification_rate': ('bad_rectified', 'bad_accepted', 'no_accepted_bad_reviews'),
    'on_time_rate': ('bad_on_time', 'bad_in_on_time_base', 'no_case_due_or_done'),
    'reply_rate': ('bad_replied', 'bad_accepted', 'no_accepted_bad_reviews'),
    'revisit_rate': ('named_bad_revisited', 'named_bad_accepted', 'no_named_bad_reviews'),
    'second_satisfaction_rate': ('second_satisfied', 'second_reviews', 'no_second_reviews'),
} -%}
{#- part of the composite score: the rate it is made of; its weight is the policy's weight_<part> -#}
{%- set parts = {
    'good': 'good_rate',
    'participation': 'participation_rate',
    'on_time': 'on_time_rate',
    'reply': 'reply_rate',
    'revisit': 'revisit_rate',
} -%}
{%- set targets = ['rectification_rate', 'reply_rate', 'revisit_rate'] -%}
{%- set limits = [
    'good_line', 'bad_line', 'participation_floor', 'min_reviews', 'interval_z', 'false_discovery_rate', 'prior_units_min',
    'rectification_rate_target', 'reply_rate_target', 'revisit_rate_target',
    'weight_good', 'weight_participation', 'weight_on_time', 'weight_reply', 'weight_revisit',
] -%}
{#- what comparing a unit with its peers and with itself adds to its figures -#}
{%- set compared = [
    'is_compared', 'units_ranked', 'peer_rate', 'prior_reviews', 'place', 'surely_better', 'surely_worse', 'good_rate_change',
    'good_rate_change_lo', 'good_rate_change_hi', 'good_rate_change_p', 'good_rate_change_p_adjusted',
] -%}
{#- what the verdict's words quote besides the rates -#}
{%- set shares_in_words = [
    'good_rate_lo', 'good_rate_hi', 'good_line', 'bad_line', 'participation_floor', 'good_rate_with_suspects',
] -%}
{%- set group = 'period_kind, period_start, dimension, peer_group' -%}
{%- set peers = 'partition by ' ~ group ~ ', is_compared' -%}
{#- Beyond a prior of ten million reviews more is no different: the units differ no more than chance. -#}
{%- set largest_prior = '1e7' -%}
with

units as (
    select * from {{ ref('review_units') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

departments as (
    select * from {{ ref('dim_department') }}
),

items as (
    select * from {{ ref('dim_service_item') }}
),

channels as (
    select * from {{ ref('handling_channels') }}
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

named as (
    select
        units.*,
        coalesce(
            unit_division.full_name, unit_department.name_zh, unit_item.name_zh, unit_channel.name_zh, unit_facility.name
        ) as name_zh,
        -- Who a unit stands beside: divisions of one parent, facilities of one type, halls, every department, item or channel.
        case
            when units.code in ('unknown', 'none') then null
            when units.dimension = 'facility' then coalesce(unit_facility.facility_type, 'hall')
            when unit_division.division_code is not null then coalesce(unit_division.parent_code, 'all')
            else 'all'
        end as peer_group,
        units.contacts - units.active_reviews as not_reviewed,
        units.n1 + 2 * units.n2 + 3 * units.n3 + 4 * units.n4 + 5 * units.n5 as level_sum,
        {{ add_months(
            'units.period_start', "case units.period_kind when 'month' then -1 when 'quarter' then -3 else -12 end"
        ) }} as previous_start
    from units
    left join divisions as unit_division
        on
            units.code = unit_division.division_code
            and units.dimension = unit_division.level
    left join departments as unit_department
        on
            units.code = unit_department.department_code
            and units.dimension = 'department'
    left join items as unit_item
        on
            units.code = unit_item.service_item_code
            and units.dimension = 'service_item'
    left join channels as unit_channel
        on
            units.code = unit_channel.code
            and units.dimension = 'channel'
    left join facilities as unit_facility
        on
            units.code = unit_facility.facility_id
            and units.dimension = 'facility'
),

places as (
    select
        dimension,
        code,
        last_month as on_day
    from units
    union distinct
    select
        dimension,
        code,
        period_start as on_day
    from units
),

-- A period is read under the policy in force on the first day of its last month: a division's by the nearest area's, any
-- other unit's by the one that holds everywhere.
placed_policies as (
    select
        places.dimension,
        places.code,
        places.on_day,
        policies.*,
        row_number() over (
            partition by places.dimension, places.code, places.on_day
            order by {{ area_nearness('policies.area', 'divisions') }} desc
        ) as place
    from places
    left join divisions
        on
            places.code = divisions.division_code
            and places.dimension = divisions.level
    inner join policies
        on
            places.on_day between policies.valid_from and policies.valid_to
            and {{ area_nearness('policies.area', 'divisions') }} is not null
),

governed as (
    select
        named.*,
        policies.policy,
        policies.version as policy_version,
        policies.area as policy_area,
        -- Each review was judged by the policy of its own day; these lines are those of the last.
        case
            when policies.policy is not null
                then
                    policies.valid_to < named.period_end
                    or coalesce(first_policies.area <> policies.area, true)
                    or first_policies.valid_from <> policies.valid_from
        end as policy_changed_in_period,
        {%- for limit in limits %}
        policies.{{ limit }},
        {%- endfor %}
        case when policies.policy is not null then previous.active_reviews end as previous_active_reviews,
        case when policies.policy is not null then previous.good_reviews end as previous_good_reviews
    from named
    left join placed_policies as policies
        on
            named.dimension = policies.dimension
            and named.code = policies.code
            and named.last_month = policies.on_day
            and policies.place = 1
    left join placed_policies as first_policies
        on
            named.dimension = first_policies.dimension
            and named.code = first_policies.code
            and named.period_start = first_policies.on_day
            and first_policies.place = 1
    left join units as previous
        on
            named.period_kind = previous.period_kind
            and named.previous_start = previous.period_start
            and named.dimension = previous.dimension
            and named.code = previous.code
            and named.code not in ('unknown', 'none')
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
        previous_active_reviews,
        interval_z,
        prior_units_min,
        {{ ratio('good_reviews', 'active_reviews') }} as good_rate,
        {{ wilson('good_reviews', 'active_reviews', 'interval_z', 'lo') }} as good_rate_lo,
        {{ wilson('good_reviews', 'active_reviews', 'interval_z', 'hi') }} as good_rate_hi,
        {{ ratio('previous_good_reviews', 'previous_active_reviews') }} as previous_rate,
        {{ wilson('previous_good_reviews', 'previous_active_reviews', 'interval_z', 'lo') }} as previous_rate_lo,
        {{ wilson('previous_good_reviews', 'previous_active_reviews', 'interval_z', 'hi') }} as previous_rate_hi,
        {{ ratio('good_reviews + previous_good_reviews', '(active_reviews + previous_active_reviews)') }} as rate_of_both,
        -- What could not be placed is no unit: it is shown, and compared with nothing.
        active_reviews > 0 and policy is not null and code not in ('unknown', 'none') as is_compared
    from governed
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
                    / sqrt(rate_of_both * (1 - rate_of_both) * (1.0 / active_reviews + 1.0 / previous_active_reviews))
        end as change_z,
        count(*) over ({{ peers }}) as units_ranked,
        cast(sum(active_reviews) over ({{ peers }}) as double) as peer_reviews,
        {{ ratio('sum(good_reviews) over (' ~ peers ~ ')', 'sum(active_reviews) over (' ~ peers ~ ')') }} as peer_rate,
        sum(cast(active_reviews as double) * active_reviews) over ({{ peers }}) as peer_squares,
        {{ two_sided_p('interval_z') }} as interval_p
    from rates_compared
),

tested as (
    select
        changed.*,
        case when good_rate_change is not null then {{ two_sided_p('change_z') }} end as good_rate_change_p,
        sum(active_reviews * (good_rate - peer_rate) * (good_rate - peer_rate)) over ({{ peers }})
        / nullif(peer_rate * (1 - peer_rate), 0) as peer_dispersion,
        peer_reviews - peer_squares / nullif(peer_reviews, 0) - (units_ranked - 1) as peer_information,
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
        case when is_compared then {{ wilson('good_reviews', 'active_reviews', 'joint_z', 'lo') }} end as joint_lo,
        case when is_compared then {{ wilson('good_reviews', 'active_reviews', 'joint_z', 'hi') }} end as joint_hi
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
                        else least((1 - agreement) / agreement, {{ largest_prior }})
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

ranked as (
    select
        drawn.*,
        rank_bounds.surely_better,
        rank_bounds.surely_worse,
        rank() over (
            partition by drawn.period_kind, drawn.period_start, drawn.dimension, drawn.peer_group, drawn.is_compared
            order by drawn.good_rate desc nulls last
        ) as place
    from drawn
    left join rank_bounds
        on
            drawn.period_kind = rank_bounds.period_kind
            and drawn.period_start = rank_bounds.period_start
            and drawn.dimension = rank_bounds.dimension
            and drawn.code = rank_bounds.code
),

rated as (
    select
        governed.*,
        {%- for rate, (numerator, denominator, reason) in rates.items() %}
        {{ ratio('governed.' ~ numerator, 'governed.' ~ denominator) }} as {{ rate }},
        {{ wilson('governed.' ~ numerator, 'governed.' ~ denominator, 'governed.interval_z', 'lo') }} as {{ rate }}_lo,
        {{ wilson('governed.' ~ numerator, 'governed.' ~ denominator, 'governed.interval_z', 'hi') }} as {{ rate }}_hi,
        case when governed.{{ denominator }} = 0 then '{{ reason }}' end as {{ rate }}_null_reason,
        {%- endfor %}
        {{ ratio(
            'governed.good_reviews + governed.suspect_good_reviews', '(governed.active_reviews + governed.suspect_reviews)'
        ) }} as good_rate_with_suspects,
        {{ ratio('governed.level_sum', 'governed.active_reviews') }} as mean_level,
        {{ ratio('governed.points', 'governed.active_reviews') }} as mean_points,
        {%- for column in compared %}
        ranked.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from governed
    inner join ranked
        on
            governed.period_kind = ranked.period_kind
            and governed.period_start = ranked.period_start
            and governed.dimension = ranked.dimension
            and governed.code = ranked.code
),

lines_left as (
    select
        rated.*,
        {{ reviews_to_leave('good_rate', 'good_line', 'interval_z') }} as reviews_to_leave_good_line,
        {{ reviews_to_leave('good_rate', 'bad_line', 'interval_z') }} as reviews_to_leave_bad_line
    from rated
),

-- A unit is judged by where its interval lies, never by the point; silence caps the verdict at watch.
judged as (
    select
        lines_left.*,
        case
            when policy is null then 'no_policy'
            when active_reviews = 0 then 'no_active_reviews'
            when active_reviews < min_reviews then 'too_few_reviews'
            when good_rate_hi < bad_line then 'surely_below_bad_line'
            when good_rate_lo >= good_line and participation_rate >= participation_floor then 'surely_above_good_line'
            when good_rate_lo >= good_line then 'too_few_took_part'
            when good_rate_lo >= bad_line and good_rate_hi < good_line then 'surely_between_lines'
            else 'interval_crosses_a_line'
        end as verdict_reason,
        case
            when good_rate > good_line then reviews_to_leave_good_line
            when good_rate < bad_line then reviews_to_leave_bad_line
            -- The greater of two, where greatest() would skip an unknown one.
            when reviews_to_leave_good_line > reviews_to_leave_bad_line then reviews_to_leave_good_line
            when reviews_to_leave_good_line <= reviews_to_leave_bad_line then reviews_to_leave_bad_line
        end as reviews_that_decide,
        {% for part, rate in parts.items() -%}
        case when {{ rate }} is null then 0.0 else weight_{{ part }} end
        {{- ' + ' if not loop.last }}
        {% endfor -%}
        as weight_present
    from lines_left
),

concluded as (
    select
        judged.*,
        case
            when verdict_reason in ('no_policy', 'no_active_reviews', 'too_few_reviews', 'interval_crosses_a_line')
                then 'undetermined'
            when verdict_reason = 'surely_below_bad_line' then 'bad'
            when verdict_reason = 'surely_above_good_line' then 'good'
            else 'watch'
        end as verdict,
        case
            when verdict_reason in ('too_few_reviews', 'interval_crosses_a_line') and reviews_that_decide is not null
                then cast(greatest(greatest(reviews_that_decide, min_reviews) - active_reviews, 1) as bigint)
        end as more_reviews_to_decide,
        {%- for part, rate in parts.items() %}
        case
            when good_rate is null or policy is null then null
            when {{ rate }} is null then 0.0
            else weight_{{ part }} / weight_present
        end as share_{{ part }},
        {%- endfor %}
        {%- for rate in rates %}
        {{ show_share(rate) }} as {{ rate }}_text,
        {%- endfor %}
        {%- for share in shares_in_words %}
        {{ show_share(share) }} as {{ share }}_text{{ ',' if not loop.last }}
        {%- endfor %}
    from judged
),

final as (
    select
        period_kind,
        period_start,
        period_end,
        case when period_kind = 'month' then period_start end as month,
        months_counted,
        period_end < {{ run_date() }} as is_complete,
        dimension,
        code,
        name_zh,
        peer_group,
        -- Filled where the release hides a row; the warehouse hides nothing.
        cast(null as string) as suppressed_reason,
        {%- for count in counts if count not in ('suspect_good_reviews', 'points') %}
        {{ count }},
        {%- endfor %}
        {%- for rate in rates %}
        {{ rate }},
        {{ rate }}_lo,
        {{ rate }}_hi,
        {{ rate }}_text,
        {{ rate }}_null_reason,
        {%- endfor %}
        good_rate_with_suspects,
        good_rate_with_suspects - good_rate as suspect_effect,
        (good_reviews + prior_reviews * peer_rate) / nullif(active_reviews + prior_reviews, 0) as good_rate_eb,
        active_reviews / nullif(active_reviews + prior_reviews, 0) as good_rate_eb_own_weight,
        case when prior_reviews is not null then peer_rate end as good_rate_prior,
        prior_reviews as good_rate_prior_reviews,
        case
            when prior_reviews is not null then null
            when policy is null then 'no_policy'
            when active_reviews = 0 then 'no_active_reviews'
            when not is_compared then 'not_a_unit'
            else 'too_few_peers'
        end as good_rate_eb_null_reason,
        active_reviews < min_reviews as is_small,
        good_rate_change,
        good_rate_change_lo,
        good_rate_change_hi,
        good_rate_change_p,
        good_rate_change_p_adjusted,
        good_rate_change_p_adjusted <= false_discovery_rate as is_real_change,
        case
            when good_rate_change is not null then null
            when policy is null then 'no_policy'
            when code in ('unknown', 'none') then 'not_a_unit'
            when active_reviews = 0 then 'no_active_reviews'
            when previous_active_reviews is null then 'no_previous_period'
            else 'no_active_reviews_before'
        end as good_rate_change_null_reason,
        case when is_compared then place end as good_rate_rank,
        case when is_compared then cast(1 + surely_better as bigint) end as good_rate_rank_lo,
        case when is_compared then cast(units_ranked - surely_worse as bigint) end as good_rate_rank_hi,
        case when is_compared then units_ranked end as units_ranked,
        case
            when is_compared then null
            when policy is null then 'no_policy'
            when code in ('unknown', 'none') then 'not_a_unit'
            else 'no_active_reviews'
        end as good_rate_rank_null_reason,
        mean_level,
        mean_points,
        case when active_reviews = 0 then 'no_active_reviews' end as mean_null_reason,
        verdict,
        verdict_reason,
        more_reviews_to_decide,
        case
            when more_reviews_to_decide is not null then null
            when policy is null then 'no_policy'
            when verdict <> 'undetermined' then 'decided'
            when active_reviews = 0 then 'no_active_reviews'
            else 'rate_on_a_line'
        end as more_reviews_to_decide_null_reason,
        {{ verdict_sentence('zh') }} as verdict_text_zh,
        {{ verdict_sentence('en') }} as verdict_text_en,
        {%- for part, rate in parts.items() %}
        share_{{ part }} as score_weight_{{ part }},
        100 * share_{{ part }} * coalesce({{ rate }}, 0) as score_{{ part }},
        {%- endfor %}
        -- Never a hair above 100 where every part is 1; null stays null, which least() alone would skip.
        case
            when share_good is not null
                then
                    least(100.0, 100 * (
                        {%- for part, rate in parts.items() %}
                        share_{{ part }} * coalesce({{ rate }}, 0){{ ' +' if not loop.last }}
                        {%- endfor %}
                    ))
        end as score,
        case
            when policy is null then 'no_policy'
            when active_reviews = 0 then 'no_active_reviews'
        end as score_null_reason,
        nullif(concat_ws(
            ','
            {%- for part, rate in parts.items() %},
            case when {{ rate }} is null then '{{ part }}' end
            {%- endfor %}
        ), '') as score_missing_parts,
        nullif(concat_ws(
            ','
            {%- for rate in targets %},
            case when {{ rate }} < {{ rate }}_target then '{{ rate }}' end
            {%- endfor %}
        ), '') as targets_missed,
        good_line,
        bad_line,
        participation_floor,
        cast(min_reviews as bigint) as min_reviews,
        interval_z,
        policy,
        policy_version,
        policy_area,
        policy_changed_in_period
    from concluded
)

select * from final
