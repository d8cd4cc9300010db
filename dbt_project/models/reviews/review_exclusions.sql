{%- set dimensions = ['department_code', 'service_item_code', 'division_code', 'facility_id', 'contact_channel'] -%}
with

judgements as (
    select * from {{ ref('review_judgements') }}
),

suspicions as (
    select * from {{ ref('review_suspicions') }}
),

refusals as (
    select * from {{ ref('review_refusals') }}
    where review_no = 1
),

without_contact as (
    select * from {{ ref('review_without_contact') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

-- A copy is no other review, and without a contact the numbers beside it are asked. Silence is written as one level: a default
-- that says bad is nobody's silence.
invalid as (
    select
        judgements.*,
        policies.bad_level_max
    from judgements
    left join policies
        on
            judgements.policy_area = policies.area
            and judgements.policy_from = policies.valid_from
    where
        judgements.review_no = 1
        and judgements.contact_id is not null
        and judgements.validity not in ('valid', 'duplicate', 'no_policy', 'no_contact')
        and (
            judgements.validity <> 'default'
            or (judgements.level <= policies.bad_level_max and judgements.level <> policies.silence_level)
        )
),

-- Nobody has judged what the door refused.
unjudged as (
    select
        refusal_id as exclusion_id,
        'refused' as kind,
        reason,
        coalesce(closed_month, {{ month_start('reviewed_on') }}) as month,
        {{ dimensions | join(',\n        ') }},
        sender,
        level,
        reviewed_on,
        true as is_supported
    from refusals
    where contact_id is not null
    union all
    select
        orphan_id as exclusion_id,
        kind,
        coalesce(support, kind) as reason,
        month,
        {{ dimensions | join(',\n        ') }},
        sender,
        level,
        reviewed_on,
        support is not null as is_supported
    from without_contact
),

in_force as (
    {{ in_force(
        'unjudged', 'policies', key=['exclusion_id', 'division_code', 'reviewed_on'], day='reviewed_on', division='division_code'
    ) }}
),

excluded as (
    select
        review_id as exclusion_id,
        'invalid' as kind,
        case when validity = 'before_close' and contact_month is null then 'contact_open' else validity end as reason,
        counted_month as month,
        {{ dimensions | join(',\n        ') }},
        sender,
        level,
        coalesce(level <= bad_level_max, true) as is_bad,
        true as is_supported
    from invalid
    union all
    select
        review_id as exclusion_id,
        'suspect' as kind,
        rule as reason,
        counted_month as month,
        {{ dimensions | join(',\n        ') }},
        cast(null as string) as sender,
        level,
        verdict = 'bad' as is_bad,
        true as is_supported
    from suspicions
    union all
    select
        unjudged.exclusion_id,
        unjudged.kind,
        unjudged.reason,
        unjudged.month,
        {{ prefixed('unjudged', dimensions) }},
        unjudged.sender,
        unjudged.level,
        coalesce(unjudged.level <= in_force.bad_level_max, true) as is_bad,
        unjudged.is_supported
    from unjudged
    left join in_force on unjudged.exclusion_id = in_force.exclusion_id
),

final as (
    select
        exclusion_id,
        kind,
        reason,
        month,
        {{ dimensions | join(',\n        ') }},
        sender,
        level,
        is_supported,
        is_supported and coalesce(is_bad, false) as is_bad,
        is_supported and coalesce(is_bad, false)
        -- What somebody decided, or a resident took back, leaves the least favourable reading as well, up to a share of the bad.
        and reason in ('withdrawn', 'appeal_upheld', 'malicious', 'mistaken') as is_decided
    from excluded
    where is_supported or kind = 'refused'
)

select * from final
