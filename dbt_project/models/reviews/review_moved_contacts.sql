{#- Where a contact is counted: its parts, each compared between what was said of it then and now. -#}
{%- set dimensions = contact_dimensions() -%}
{%- set unit = unit_codes('then_said') -%}
with

judgements as (
    select * from {{ ref('review_judgements') }}
),

refusals as (
    select * from {{ ref('review_refusals') }}
),

contacts as (
    select * from {{ ref('fct_contact') }}
),

sent as (
    select * from {{ ref('sent_contacts') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
),

{{ unit_code_ctes() }},

bad_reviews as (
    select
        judgements.case_no,
        judgements.contact_no,
        judgements.reviewed_at,
        judgements.counted_month
    from judgements
    {{ judged_by('judgements') }}
    where
        judgements.contact_id is not null
        and judgements.validity <> 'duplicate'
        and (judgements.validity <> 'default' or judgements.level <> policies.silence_level)
        and coalesce(least(judgements.level, judgements.worst_level) <= policies.bad_level_max, true)
    union all
    select
        refusals.case_no,
        refusals.contact_no,
        cast(refusals.reviewed_on as timestamp) as reviewed_at,
        coalesce(refusals.closed_month, {{ month_start('refusals.reviewed_on') }}) as counted_month
    from refusals
    inner join policies
        on
            policies.area = ''
            and {{ holds_on('policies', 'refusals.reviewed_on') }}
    where refusals.contact_id is not null and coalesce(refusals.level <= policies.bad_level_max, true)
),

bad_contacts as (
    select
        case_no,
        contact_no,
        min(reviewed_at) as reviewed_at,
        min(counted_month) as counted_month
    from bad_reviews
    group by case_no, contact_no
),

sendings as (
    select
        sent.*,
        bad_contacts.counted_month,
        sent._received_at <= bad_contacts.reviewed_at as is_before_review,
        row_number() over (
            partition by sent.case_no, sent.contact_no order by sent._received_at, sent._receipt, sent._row
        ) as nth
    from sent
    inner join bad_contacts
        on
            sent.case_no = bad_contacts.case_no
            and sent.contact_no = bad_contacts.contact_no
    where sent.is_of_first_sender
),

-- What was last said of a contact before its review was given; where nothing was, what was said of it first.
then_said as (
    select
        sendings.*,
        row_number() over (
            partition by case_no, contact_no
            order by (case when is_before_review then -nth else nth end) asc
        ) as nth_then
    from sendings
),

said as (
    select
        then_said.case_no,
        then_said.contact_no,
        then_said.counted_month as month,
        coalesce({{ month_start('then_said.closed_at') }}, then_said.counted_month) as then_month,
        {{ unit.department_code }} as then_department_code,
        {{ unit.service_item_code }} as then_service_item_code,
        {{ unit.division_code }} as then_division_code,
        {{ unit.facility_id }} as then_facility_id,
        then_said.channel as then_contact_channel
    from then_said
    {{ unit_code_joins('then_said') }}
    where then_said.nth_then = 1
),

moved as (
    select
        said.*,
        {{ prefixed('contacts', dimensions) }}
    from said
    inner join contacts
        on
            said.case_no = contacts.case_no
            and said.contact_no = contacts.contact_no
    where
        said.then_month <> said.month
        {%- for dimension in dimensions %}
        or coalesce(said.then_{{ dimension }}, 'none') <> coalesce(contacts.{{ dimension }}, 'none')
        {%- endfor %}
),

-- A unit that holds both places has lost nothing.
final as (
    select
        then_month as month,
        {%- for dimension in dimensions %}
        then_{{ dimension }} as {{ dimension }},
        {%- endfor %}
        1 as moved_bad
    from moved
    union all
    select
        month,
        {{ dimensions | join(',\n        ') }},
        -1 as moved_bad
    from moved
)

select * from final
