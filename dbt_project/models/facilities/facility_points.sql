with

statements as (
    select * from {{ ref('facility_statements') }}
),

sent as (
    select * from {{ ref('facility_point_readings') }}
    where not is_swapped
),

swapped as (
    select * from {{ ref('facility_point_readings') }}
    where is_swapped
),

doubtful as (
    select * from {{ ref('facility_doubtful_points') }}
),

compared as (
    select
        statements.*,
        {{ is_on_globe('statements.longitude', 'statements.latitude') }} as is_on_globe,
        {{ is_on_globe('statements.latitude', 'statements.longitude') }} as is_swapped_on_globe,
        sent.place_key is not null as is_comparable,
        not coalesce(sent.is_beyond or doubtful.is_strayed, false) as is_inside,
        coalesce(sent.is_measured or sent.is_at_home or doubtful.is_near_own, false) as is_measured,
        coalesce(sent.is_beyond and not swapped.is_beyond, false) as is_swapped_inside
    from statements
    left join sent on statements.place_key = sent.place_key
    left join swapped on statements.place_key = swapped.place_key
    left join doubtful on statements.place_key = doubtful.place_key
),

reasoned as (
    select
        compared.*,
        case
            when longitude is null or latitude is null then 'not_sent'
            when is_default then 'default_point'
            -- Nowhere as sent, somewhere the other way round: in China, what has its axes swapped says a latitude above 90.
            when not is_on_globe and is_swapped_on_globe then 'swapped_axes'
            when not is_on_globe then 'off_the_globe'
            when county_code is null then 'division_unknown'
            when not is_comparable then 'too_few_points'
            when is_inside and is_measured then 'inside_division'
            when is_inside then 'too_few_points'
            when is_swapped_inside then 'swapped_axes'
            else 'outside_division'
        end as point_reason
    from compared
),

final as (
    select
        place_key,
        division_code,
        division_method,
        longitude,
        latitude,
        case
            when point_reason = 'not_sent' then 'none'
            when point_reason = 'inside_division' then 'checked'
            when point_reason in ('division_unknown', 'too_few_points') then 'unchecked'
            else 'refused'
        end as point_trust,
        point_reason
    from reasoned
)

select * from final
