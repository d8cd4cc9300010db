{#- part of the score: its value of 100 in this model; its weight is the row of policies/scorecard_weights.csv -#}
{%- set parts = {
    'reviews': '100 * good_rate',
    'loop': '100 * on_time_rate',
    'survey': 'survey_mean',
    'timeliness': '100 * timely_share',
    'quality': '100 * accepted_share',
} -%}
{%- set counts = [
    'contacts', 'active_reviews', 'good_reviews', 'bad_reviews', 'suspect_reviews', 'bad_accepted', 'bad_rectified',
    'bad_in_on_time_base', 'bad_on_time', 'bad_replied', 'named_bad_accepted', 'named_bad_revisited',
] -%}
with

counts as (
    select * from {{ ref('review_counts') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

departments as (
    select * from {{ ref('dim_department') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

surveys as (
    select * from {{ ref('survey_score') }}
),

survey_departments as (
    select * from {{ ref('survey_departments') }}
),

deliveries as (
    select * from {{ ref('feed_health') }}
),

feeds as (
    select * from {{ ref('feeds') }}
),

days as (
    select * from {{ ref('dim_date') }}
    where date_day <= {{ run_date() }}
),

all_weights as (
    select * from {{ ref('scorecard_weights') }}
),

-- ── reviews and the loop: what was counted, at the county and at its city ──
placed as (
    {%- for level in ['city', 'county'] %}
    select
        counts.month,
        counts.department_code,
        divisions.{{ level }}_code as division_code,
        '{{ level }}' as level,
        {%- for count in counts %}
        cast(sum(counts.{{ count }}) as bigint) as {{ count }},
        {%- endfor %}
        sum(counts.points) as points
    from counts
    inner join divisions on counts.division_code = divisions.division_code
    where divisions.{{ level }}_code is not null
    group by counts.month, counts.department_code, divisions.{{ level }}_code
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- ── feeds: the share of days on which the newest accepted delivery was no older than allowed ──
received as (
    select
        feeds.department,
        deliveries.feed,
        deliveries.sender,
        cast(deliveries.received_at as date) as received_on,
        {{ month_start('deliveries.received_at') }} as month,
        deliveries.verdict = 'accepted' as is_accepted,
        deliveries.allowed_days,
        deliveries.rows_received,
        deliveries.rows_accepted
    from deliveries
    inner join feeds on deliveries.feed = feeds.code
    where deliveries.is_latest and deliveries.received_at is not null
),

senders as (
    select
        department,
        feed,
        sender,
        min(received_on) as first_on
    from received
    group by department, feed, sender
),

fresh as (
    select distinct
        received.feed,
        received.sender,
        days.date_day
    from received
    inner join days
        on
            received.received_on <= days.date_day
            and {{ add_days('received.received_on', 'received.allowed_days') }} >= days.date_day
    where received.is_accepted
),

timeliness as (
    select
        senders.department,
        days.month_start as month,
        count(*) as feed_days,
        count(fresh.date_day) as timely_feed_days
    from senders
    inner join days on senders.first_on <= days.date_day
    left join fresh
        on
            senders.feed = fresh.feed
            and senders.sender = fresh.sender
            and days.date_day = fresh.date_day
    group by senders.department, days.month_start
),

quality as (
    select
        department,
        month,
        sum(rows_received) as feed_rows,
        sum(rows_accepted) as feed_rows_accepted
    from received
    group by department, month
),

-- ── which department, division and month there is anything to say of ──
months_of_divisions as (
    select distinct
        month,
        division_code,
        level
    from placed
    where division_code <> 'unknown'
),

reporting as (
    select distinct
        departments.department_code,
        timeliness.month
    from timeliness
    inner join departments on timeliness.department = departments.feed_department
),

keys as (
    select
        month,
        department_code,
        division_code,
        level
    from placed
    where division_code <> 'unknown'
    union distinct
    select
        months_of_divisions.month,
        reporting.department_code,
        months_of_divisions.division_code,
        months_of_divisions.level
    from months_of_divisions
    inner join reporting on months_of_divisions.month = reporting.month
    where months_of_divisions.level = 'city'
),

-- ── surveys: the newest wave held by the end of the month, of the division itself; a whole sample speaks for the only city ──
cities as (
    select count(distinct division_code) as n from months_of_divisions
    where level = 'city'
),

waves as (
    select *
    from surveys
    where group_name = 'all' and question_id = 'all' and mean is not null
),

asked as (
    select
        keys.month,
        keys.department_code,
        keys.division_code,
        waves.wave as survey_wave,
        waves.n as survey_answers,
        waves.mean as survey_mean,
        waves.mean_lo as survey_mean_lo,
        waves.mean_hi as survey_mean_hi,
        waves.is_weighted as survey_is_weighted,
        waves.verdict as survey_verdict,
        row_number() over (
            partition by keys.month, keys.department_code, keys.division_code
            order by waves.held_on desc nulls last, waves.wave desc, waves.area_level desc
        ) as place
    from keys
    cross join cities
    inner join survey_departments on keys.department_code = survey_departments.department_code
    inner join waves
        on
            survey_departments.dimension = waves.dimension
            and coalesce(waves.held_on, keys.month) <= {{ month_end('keys.month') }}
            and (
                keys.division_code = waves.division_code
                or (keys.level = 'city' and waves.area_level = 'all' and cities.n = 1)
            )
),

-- ── policy and weights ──
governing as (
    select
        keys.month,
        keys.department_code,
        keys.division_code,
        policies.policy,
        policies.version as policy_version,
        policies.interval_z,
        policies.good_line,
        policies.bad_line,
        policies.participation_floor,
        policies.min_reviews,
        row_number() over (
            partition by keys.month, keys.department_code, keys.division_code
            order by {{ area_nearness('policies.area', 'divisions') }} desc
        ) as place
    from keys
    left join divisions on keys.division_code = divisions.division_code
    inner join policies
        on
            keys.month between policies.valid_from and policies.valid_to
            and {{ area_nearness('policies.area', 'divisions') }} is not null
),

weights as (
    select
        policy as weights_policy,
        version as weights_version,
        coalesce(area, '') as weights_area,
        valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        {%- for part in parts %}
        max(case when part = '{{ part }}' then weight end) as weight_{{ part }}{{ ',' if not loop.last }}
        {%- endfor %}
    from all_weights
    where
        policy = '{{ var("review_policy") }}'
        or (policy = '{{ var("base_policy") }}' and coalesce(area, '') = '')
    group by policy, version, coalesce(area, ''), valid_from, coalesce(valid_to, cast('9999-12-31' as date))
),

-- The weights of the nearest area; those of the base policy where the chosen one says nothing.
weighted as (
    select
        keys.month,
        keys.department_code,
        keys.division_code,
        weights.*,
        row_number() over (
            partition by keys.month, keys.department_code, keys.division_code
            order by
                (case when weights.weights_policy = '{{ var("review_policy") }}' then 1 else 0 end) desc,
                {{ area_nearness('weights.weights_area', 'divisions') }} desc
        ) as place
    from keys
    left join divisions on keys.division_code = divisions.division_code
    inner join weights
        on
            keys.month between weights.valid_from and weights.valid_to
            and {{ area_nearness('weights.weights_area', 'divisions') }} is not null
),

beside as (
    select
        keys.month,
        keys.department_code,
        departments.name_zh as department_name,
        keys.division_code,
        divisions.full_name as division_name,
        keys.level,
        {%- for count in counts %}
        coalesce(placed.{{ count }}, 0) as {{ count }},
        {%- endfor %}
        placed.points,
        asked.survey_wave,
        asked.survey_answers,
        asked.survey_mean,
        asked.survey_mean_lo,
        asked.survey_mean_hi,
        asked.survey_is_weighted,
        asked.survey_verdict,
        timeliness.feed_days,
        timeliness.timely_feed_days,
        quality.feed_rows,
        quality.feed_rows_accepted,
        governing.policy,
        governing.policy_version,
        governing.interval_z,
        governing.good_line,
        governing.bad_line,
        governing.participation_floor,
        governing.min_reviews,
        weighted.weights_policy,
        weighted.weights_version,
        weighted.weights_area
        {%- for part in parts %},
        weighted.weight_{{ part }}
        {%- endfor %}
    from keys
    left join departments on keys.department_code = departments.department_code
    left join divisions on keys.division_code = divisions.division_code
    left join placed
        on
            keys.month = placed.month
            and keys.department_code = placed.department_code
            and keys.division_code = placed.division_code
            and keys.level = placed.level
    left join asked
        on
            keys.month = asked.month
            and keys.department_code = asked.department_code
            and keys.division_code = asked.division_code
            and asked.place = 1
    left join timeliness
        on
            keys.month = timeliness.month
            and departments.feed_department = timeliness.department
    left join quality
        on
            keys.month = quality.month
            and departments.feed_department = quality.department
    left join governing
        on
            keys.month = governing.month
            and keys.department_code = governing.department_code
            and keys.division_code = governing.division_code
            and governing.place = 1
    left join weighted
        on
            keys.month = weighted.month
            and keys.department_code = weighted.department_code
            and keys.division_code = weighted.division_code
            and weighted.place = 1
),

rated as (
    select
        beside.*,
        {{ ratio('active_reviews', 'contacts') }} as participation_rate,
        {{ ratio('good_reviews', 'active_reviews') }} as good_rate,
        {{ wilson('good_reviews', 'active_reviews', 'interval_z', 'lo') }} as good_rate_lo,
        {{ wilson('good_reviews', 'active_reviews', 'interval_z', 'hi') }} as good_rate_hi,
        {{ ratio('points', 'active_reviews') }} as mean_points,
        {{ ratio('bad_rectified', 'bad_accepted') }} as rectification_rate,
        {{ ratio('bad_on_time', 'bad_in_on_time_base') }} as on_time_rate,
        {{ ratio('bad_replied', 'bad_accepted') }} as reply_rate,
        {{ ratio('named_bad_revisited', 'named_bad_accepted') }} as revisit_rate,
        {{ ratio('timely_feed_days', 'feed_days') }} as timely_share,
        {{ ratio('feed_rows_accepted', 'feed_rows') }} as accepted_share
    from beside
),

scored as (
    select
        rated.*,
        {%- for part, value in parts.items() %}
        {{ value }} as {{ part }}_part,
        {%- endfor %}
        {% for part, value in parts.items() -%}
        case when {{ value }} is null then 0.0 else weight_{{ part }} end
        {{- ' + ' if not loop.last }}
        {% endfor -%}
        as weight_present,
        -- Judged as review_scorecard judges.
        case
            when policy is null or active_reviews < min_reviews or active_reviews = 0 then 'undetermined'
            when good_rate_hi < bad_line then 'bad'
            when good_rate_lo >= good_line and participation_rate >= participation_floor then 'good'
            when good_rate_lo >= good_line or (good_rate_lo >= bad_line and good_rate_hi < good_line) then 'watch'
            else 'undetermined'
        end as review_verdict
    from rated
),

final as (
    select
        month,
        department_code,
        department_name,
        division_code,
        division_name,
        -- Filled where the release hides a row; the warehouse hides nothing.
        cast(null as string) as suppressed_reason,
        level,
        case
            when weight_present > 0
                then (
                    {%- for part in parts %}
                    coalesce(weight_{{ part }} * {{ part }}_part, 0.0){{ ' +' if not loop.last }}
                    {%- endfor %}
                ) / weight_present
        end as score,
        case
            when weights_policy is null then 'no_weights'
            when weight_present = 0 then 'no_part'
        end as score_null_reason,
        nullif(concat_ws(
            ','
            {%- for part in parts %},
            case when {{ part }}_part is null then '{{ part }}' end
            {%- endfor %}
        ), '') as missing_parts,
        weight_present,
        {%- for part in parts %}
        {{ part }}_part,
        weight_{{ part }},
        case
            when {{ part }}_part is null then 0.0
            when weight_present > 0 then weight_{{ part }} / weight_present
        end as share_{{ part }},
        {%- endfor %}
        contacts,
        active_reviews,
        participation_rate,
        good_reviews,
        bad_reviews,
        suspect_reviews,
        good_rate,
        good_rate_lo,
        good_rate_hi,
        mean_points,
        review_verdict,
        bad_accepted,
        bad_in_on_time_base,
        rectification_rate,
        on_time_rate,
        reply_rate,
        revisit_rate,
        survey_wave,
        cast(survey_answers as bigint) as survey_answers,
        survey_mean,
        survey_mean_lo,
        survey_mean_hi,
        survey_is_weighted,
        survey_verdict,
        cast(feed_days as bigint) as feed_days,
        timely_share,
        cast(feed_rows as bigint) as feed_rows,
        accepted_share,
        policy,
        policy_version,
        weights_policy,
        weights_version,
        weights_area
    from scored
)

select * from final
