{#- Way in which a review does not count → which exclusions went it. Bad reviews may go it more than others do. -#}
{%- set habits = {
    'refused': "kind = 'refused'",
    'closed_after_review': "reason = 'before_close'",
    'contact_open': "reason = 'contact_open'",
    'contact_missing': "kind = 'no_contact'",
    'after_window': "reason = 'after_window'",
    'withdrawn': "reason = 'withdrawn'",
    'other_came_first': "kind = 'copy'",
} -%}
with

counts as (
    select * from {{ ref('review_counts') }}
),

exclusions as (
    select
        month,
        department_code,
        kind,
        reason,
        is_bad
    from {{ ref('review_exclusions') }}
    -- Of a level that nobody can read nobody can say whether it was bad; what was corrected is among the reviews that count.
    where is_supported and level is not null and kind <> 'corrected'
),

judgements as (
    select
        contact_id,
        sender,
        validity,
        counted_month,
        department_code,
        verdict = 'bad' as is_bad
    from {{ ref('review_judgements') }}
    where review_no = 1 and contact_id is not null and verdict is not null
),

-- A copy is no other review, but one that says the opposite of what its own sender sent before it: somebody was faster.
contradicting as (
    select
        copies.counted_month as month,
        copies.department_code,
        'copy' as kind,
        cast(null as string) as reason,
        copies.is_bad
    from judgements as copies
    inner join judgements as firsts
        on
            copies.contact_id = firsts.contact_id
            and copies.sender = firsts.sender
    where
        copies.validity = 'duplicate'
        and firsts.validity <> 'duplicate'
        and copies.is_bad <> firsts.is_bad
    -- Once a contact, however often it was sent.
    group by copies.counted_month, copies.department_code, copies.contact_id, copies.is_bad
),

left_out as (
    select * from exclusions
    union all
    select * from contradicting
),

stacked as (
    select
        month,
        department_code,
        bad_reviews as bad_arrived,
        active_reviews - bad_reviews as other_arrived,
        {%- for habit in habits %}
        0 as bad_{{ habit }},
        0 as other_{{ habit }}{{ ',' if not loop.last }}
        {%- endfor %}
    from counts
    union all
    select
        month,
        coalesce(department_code, 'unknown') as department_code,
        case when is_bad then 1 else 0 end as bad_arrived,
        case when is_bad then 0 else 1 end as other_arrived,
        {%- for habit, condition in habits.items() %}
        case when is_bad and {{ condition }} then 1 else 0 end as bad_{{ habit }},
        case when not is_bad and {{ condition }} then 1 else 0 end as other_{{ habit }}{{ ',' if not loop.last }}
        {%- endfor %}
    from left_out
),

arrived as (
    select
        month,
        department_code,
        sum(bad_arrived) as bad_arrived,
        sum(other_arrived) as other_arrived,
        {%- for habit in habits %}
        sum(bad_{{ habit }}) as bad_{{ habit }},
        sum(other_{{ habit }}) as other_{{ habit }}{{ ',' if not loop.last }}
        {%- endfor %}
    from stacked
    where department_code <> 'unknown'
    group by month, department_code
    having sum(bad_arrived) + sum(other_arrived) > 0
),

final as (
    {%- for habit in habits %}
    select
        month,
        department_code,
        '{{ habit }}' as habit,
        cast(bad_arrived as bigint) as bad_reviews,
        cast(bad_{{ habit }} as bigint) as bad_struck,
        cast(other_arrived as bigint) as other_reviews,
        cast(other_{{ habit }} as bigint) as other_struck
    from arrived
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from final
