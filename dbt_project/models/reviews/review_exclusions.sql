{%- set dimensions = contact_dimensions() -%}
with

judgements as (
    select * from {{ ref('review_judgements') }}
),

suspicions as (
    select * from {{ ref('review_suspicions') }}
),

refusals as (
    select * from {{ ref('review_refusals') }}
),

without_contact as (
    select * from {{ ref('review_without_contact') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

deciders as (
    select * from {{ ref('review_deciders') }}
),

first_heard as (
    select * from {{ ref('review_heard_contacts') }}
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
    {{ judged_by('judgements', join='left') }}
    where
        judgements.review_no = 1
        and judgements.contact_id is not null
        and judgements.validity not in ('valid', 'duplicate', 'no_policy', 'no_contact')
        and (
            judgements.validity <> 'default'
            or (judgements.level <= policies.bad_level_max and judgements.level <> policies.silence_level)
            or (judgements.worst_level <= policies.bad_level_max and judgements.worst_level < judgements.level)
        )
),

-- A bad review whose sender later says that it was none: it counts as that, and as bad where the least is read of a unit.
corrected as (
    select judgements.*
    from judgements
    {{ judged_by('judgements') }}
    left join suspicions on judgements.review_id = suspicions.review_id
    where
        judgements.review_no = 1
        and judgements.validity = 'valid'
        and judgements.verdict = 'good'
        and judgements.worst_level <= policies.bad_level_max
        and suspicions.review_id is null
),

-- A second review of a contact that nobody reviewed before is its first, whatever it calls itself.
second_alone as (
    select
        judgements.*,
        policies.bad_level_max,
        row_number() over (
            partition by judgements.contact_id order by judgements.worst_level, judgements.review_no, judgements.review_id
        ) as nth_of_contact
    from judgements
    {{ judged_by('judgements') }}
    left join first_heard on judgements.contact_id = first_heard.contact_id
    where
        judgements.review_no > 1
        and judgements.contact_id is not null
        and judgements.validity <> 'duplicate'
        and (
            judgements.validity <> 'default'
            or (judgements.level <= policies.bad_level_max and judgements.level <> policies.silence_level)
        )
        and first_heard.contact_id is null
),

-- A person who was content at first and says later that it was bad has said that it was bad.
second_thoughts as (
    select
        seconds.*,
        row_number() over (partition by seconds.contact_id order by seconds.review_no, seconds.review_id) as nth_of_contact
    from judgements as seconds
    inner join judgements as firsts
        on
            seconds.contact_id = firsts.contact_id
            and seconds.reviewer_key = firsts.reviewer_key
    left join suspicions on firsts.review_id = suspicions.review_id
    where
        seconds.review_no > 1
        and seconds.validity not in ('default', 'duplicate')
        and seconds.verdict = 'bad'
        and firsts.review_no = 1
        and firsts.validity = 'valid'
        and firsts.verdict = 'good'
        and firsts.worst_level = firsts.level
        and suspicions.review_id is null
),

-- Dated on a day on which no policy was in force: what is bad, the month of the contact says.
without_policy as (
    select
        judgements.*,
        row_number() over (
            partition by judgements.contact_id order by judgements.review_no, judgements.review_id
        ) as nth_of_contact
    from judgements
    left join first_heard on judgements.contact_id = first_heard.contact_id
    where
        judgements.validity = 'no_policy'
        and judgements.contact_id is not null
        and (judgements.review_no = 1 or first_heard.contact_id is null)
),

refused_counted as (
    select
        refusals.*,
        row_number() over (
            partition by refusals.contact_id, refusals.review_no = 1 order by refusals.level nulls first, refusals.refusal_id
        ) as nth_of_contact,
        first_heard.contact_id is not null as is_heard
    from refusals
    left join first_heard on refusals.contact_id = first_heard.contact_id
    where refusals.contact_id is not null
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
        -- A second review that was refused is the contact's first where there is no other.
        review_no = 1 or (not is_heard and nth_of_contact = 1) as is_supported
    from refused_counted
    union all
    select
        review_id as exclusion_id,
        'invalid' as kind,
        'no_policy' as reason,
        counted_month as month,
        {{ dimensions | join(',\n        ') }},
        sender,
        case when level is not null then least(level, worst_level) end as level,
        counted_month as reviewed_on,
        true as is_supported
    from without_policy
    where nth_of_contact = 1
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
        decided_by,
        level,
        coalesce(least(level, worst_level) <= bad_level_max, true) as is_bad,
        true as is_supported
    from invalid
    union all
    select
        review_id as exclusion_id,
        'second' as kind,
        'no_first_review' as reason,
        counted_month as month,
        {{ dimensions | join(',\n        ') }},
        sender,
        sender as decided_by,
        level,
        coalesce(worst_level <= bad_level_max, true) as is_bad,
        true as is_supported
    from second_alone
    where nth_of_contact = 1
    union all
    {%- for reason, condition in {'corrected': 'true', 'second_thoughts': 'nth_of_contact = 1'}.items() %}
    select
        review_id as exclusion_id,
        'corrected' as kind,
        '{{ reason }}' as reason,
        counted_month as month,
        {{ dimensions | join(',\n        ') }},
        sender,
        sender as decided_by,
        level,
        true as is_bad,
        true as is_supported
    from {{ reason }}
    where {{ condition }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    union all
    select
        suspicions.review_id as exclusion_id,
        'suspect' as kind,
        suspicions.rule as reason,
        suspicions.counted_month as month,
        {{ prefixed('suspicions', dimensions) }},
        cast(null as string) as sender,
        cast(null as string) as decided_by,
        suspicions.level,
        coalesce(least(suspicions.level, judgements.worst_level) <= policies.bad_level_max, suspicions.verdict = 'bad') as is_bad,
        true as is_supported
    from suspicions
    left join judgements on suspicions.review_id = judgements.review_id
    {{ judged_by('judgements', join='left') }}
    union all
    select
        unjudged.exclusion_id,
        unjudged.kind,
        unjudged.reason,
        unjudged.month,
        {{ prefixed('unjudged', dimensions) }},
        unjudged.sender,
        cast(null as string) as decided_by,
        unjudged.level,
        coalesce(
            unjudged.level <= in_force.bad_level_max, unjudged.kind <> 'invalid' or in_force.bad_level_max is not null
        ) as is_bad,
        unjudged.is_supported
    from unjudged
    left join in_force on unjudged.exclusion_id = in_force.exclusion_id
),

-- Evidence that is not the department's own: the sender that decided, or took back, is named for it in the policies.
decided_outside as (
    select distinct excluded.exclusion_id
    from excluded
    inner join deciders
        on
            excluded.decided_by = deciders.sender
            and coalesce(deciders.department_code, excluded.department_code) = excluded.department_code
            and {{ holds_on('deciders', 'excluded.month') }}
),

final as (
    select
        excluded.exclusion_id,
        excluded.kind,
        excluded.reason,
        excluded.month,
        {{ prefixed('excluded', dimensions) }},
        excluded.sender,
        excluded.level,
        excluded.is_supported,
        excluded.is_supported and coalesce(excluded.is_bad, false) as is_bad,
        excluded.is_supported and coalesce(excluded.is_bad, false)
        and excluded.reason in ('withdrawn', 'appeal_upheld', 'malicious', 'mistaken') as is_decided,
        -- Leaves the least favourable reading as well, up to a share of the bad.
        excluded.is_supported and coalesce(excluded.is_bad, false)
        and decided_outside.exclusion_id is not null as is_decided_outside
    from excluded
    left join decided_outside on excluded.exclusion_id = decided_outside.exclusion_id
    where excluded.is_supported or excluded.kind = 'refused'
)

select * from final
