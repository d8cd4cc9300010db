{#- What the contacts beside it say of a review whose own contact nobody sent. -#}
{%- set dimensions = contact_dimensions() + ['place'] -%}
{%- set edge = 'greatest(1, floor(policies.number_edge_share * placed.known_numbers))' -%}
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

refused_contacts as (
    select * from {{ ref('contact_refusals') }}
),

policies as (
    select * from {{ ref('dim_review_policy') }}
    where area = ''
),

sent as (
    select
        review_id as orphan_id,
        'no_contact' as kind,
        case_no,
        contact_no,
        review_no,
        sender,
        reviewed_on,
        -- What was said first is not unsaid; a level that nobody can read stays that.
        case when level is not null then least(level, worst_level) end as level,
        reviewer_key
    from judgements
    where contact_id is null and validity in ('no_contact', 'withdrawn')
    union all
    select
        refusal_id as orphan_id,
        'refused' as kind,
        case_no,
        contact_no,
        review_no,
        sender,
        reviewed_on,
        level,
        cast(null as string) as reviewer_key
    from refusals
    where contact_id is null
),

-- The first review of a contact is the first that arrived of it, whatever it calls itself; the others are no review more.
orphans as (
    select
        sent.*,
        row_number() over (
            partition by case_no, contact_no, case when case_no is null or contact_no is null then orphan_id end
            order by review_no, level nulls first, orphan_id
        ) = 1 as is_first
    from sent
),

-- Who sends what people say of a place: another sender's word of a contact that nobody knows is no evidence, nor are its copies.
told_by as (
    select
        place,
        sender,
        cast(count(*) as double) / sum(count(*)) over (partition by place) as share_of_place
    from judgements
    where contact_id is not null and validity not in ('default', 'duplicate')
    group by place, sender
),

-- A review under a contact number of its own, of a case that is known and of which nobody has said anything, is of that case.
silent_cases as (
    select
        contacts.case_no,
        {%- for dimension in dimensions if dimension not in ('facility_id', 'place') %}
        min(contacts.{{ dimension }}) as {{ dimension }},
        {%- endfor %}
        min(coalesce(contacts.facility_id, 'none')) as facility_id,
        min(coalesce(contacts.facility_id, contacts.division_code)) as place,
        min(coalesce(contacts.closed_month, {{ month_start('contacts.opened_at') }})) as month
    from contacts
    left join judgements
        on
            contacts.case_no = judgements.case_no
            and judgements.contact_id is not null
            and judgements.validity not in ('default', 'duplicate')
    where
        contacts.case_no in (select orphans.case_no from orphans)
    group by contacts.case_no
    having count(judgements.review_id) = 0
),

numbers as (
    select
        case_series as series,
        case_serial as serial,
        1 as is_known,
        department_code,
        service_item_code,
        division_code,
        coalesce(facility_id, 'none') as facility_id,
        contact_channel,
        coalesce(facility_id, division_code) as place,
        closed_month as month
    from contacts
    where case_series in (select {{ case_series('orphans.case_no') }} from orphans)
    union all
    select
        {{ case_series('case_no') }} as series,
        {{ case_serial('case_no') }} as serial,
        0 as is_known,
        {%- for dimension in dimensions %}
        cast(null as string) as {{ dimension }},
        {%- endfor %}
        cast(null as date) as month
    from orphans
),

-- Each number of a series once; a case of several contacts is one number.
series as (
    select
        series,
        serial,
        max(is_known) as is_known,
        {%- for dimension in dimensions %}
        min({{ dimension }}) as {{ dimension }},
        {%- endfor %}
        min(month) as month
    from numbers
    where serial is not null
    group by series, serial
),

spanned as (
    select
        series.*,
        sum(is_known) over (partition by series) as known_numbers,
        min(case when is_known = 1 then serial end) over (partition by series) as first_serial,
        max(case when is_known = 1 then serial end) over (partition by series) as last_serial,
        sum(is_known) over (
            partition by series order by serial rows between unbounded preceding and current row
        ) as from_first,
        sum(is_known) over (
            partition by series order by serial desc rows between unbounded preceding and current row
        ) as from_last
    from series
),

-- The known number before and after: the one in whose run of unknown numbers, upwards or downwards, a number stands.
beside as (
    select
        spanned.*,
        cast(known_numbers as double) / (last_serial - first_serial + 1) as density,
        -- A series begins with its first number: what lies before its first contact is missing as well, if not too much is.
        cast(known_numbers as double) / (last_serial + 1) as density_from_start,
        case
            when serial < first_serial then first_serial - serial
            when serial > last_serial then serial - last_serial
            else 0
        end as steps_beyond,
        sum(case when is_known = 0 and serial < first_serial then 1 else 0 end) over (partition by series) as numbers_before,
        sum(case when is_known = 0 and serial > last_serial then 1 else 0 end) over (partition by series) as numbers_after,
        {%- for beside in dimensions + ['month'] %}
        max({{ beside }}) over (partition by series, from_first) as {{ beside }}_before,
        max({{ beside }}) over (partition by series, from_last) as {{ beside }}_after{{ ',' if not loop.last }}
        {%- endfor %}
    from spanned
),

placed as (
    select
        series,
        serial,
        is_known,
        known_numbers,
        density,
        density_from_start,
        serial < first_serial as is_before,
        steps_beyond,
        numbers_before,
        numbers_after,
        {%- for dimension in dimensions %}
        case
            when coalesce({{ dimension }}_before, {{ dimension }}_after) = coalesce({{ dimension }}_after, {{ dimension }}_before)
                then coalesce({{ dimension }}_before, {{ dimension }}_after)
        end as {{ dimension }},
        {%- endfor %}
        coalesce(place_before, place_after) as nearest_place,
        month_before,
        month_after
    from beside
    where known_numbers > 0
),

numbered as (
    select
        orphans.*,
        {{ case_series('orphans.case_no') }} as series,
        {{ case_serial('orphans.case_no') }} as serial,
        -- One person is believed once a day.
        row_number() over (
            partition by orphans.reviewer_key, orphans.reviewed_on order by orphans.orphan_id
        ) as nth_of_day
    from orphans
),

weighed as (
    select
        numbered.*,
        refused_contacts.case_no is not null as is_contact_refused,
        silent_cases.case_no is not null as is_case_silent,
        placed.is_known = 0
        and placed.known_numbers >= policies.number_known_min
        and placed.density >= policies.number_density_min
        -- Many numbers beyond the series are no part of it, however near the first of them are.
        and (
            placed.steps_beyond = 0
            or (
                placed.numbers_after <= {{ edge }}
                and (
                    (placed.steps_beyond <= {{ edge }} and placed.numbers_before <= {{ edge }})
                    or (placed.is_before and placed.density_from_start >= policies.number_start_density)
                )
            )
        )
        as is_number_missing,
        coalesce(
            numbered.is_first
            and coalesce(told_by.share_of_place, 0) >= policies.usual_sender_share
            and (numbered.reviewer_key is null or numbered.nth_of_day = 1),
            false
        ) as is_believable,
        placed.known_numbers,
        -- A contact lies in time where its number lies, whatever day its review is dated.
        case
            when silent_cases.case_no is null
                then
                    least(
                        greatest({{ month_start('numbered.reviewed_on') }}, coalesce(placed.month_before, placed.month_after)),
                        placed.month_after
                    )
            else silent_cases.month
        end as contact_month,
        {%- for dimension in dimensions if dimension != 'place' %}
        coalesce(refused_contacts.{{ dimension }}, silent_cases.{{ dimension }}, placed.{{ dimension }})
            as {{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from numbered
    left join refused_contacts
        on
            numbered.case_no = refused_contacts.case_no
            and numbered.contact_no = refused_contacts.contact_no
    left join silent_cases on numbered.case_no = silent_cases.case_no
    left join placed
        on
            numbered.series = placed.series
            and numbered.serial = placed.serial
    left join told_by
        on
            numbered.sender = told_by.sender
            and coalesce(
                refused_contacts.facility_id, refused_contacts.division_code, silent_cases.place, placed.nearest_place
            ) = told_by.place
    left join policies
        on {{ holds_on('policies', 'numbered.reviewed_on') }}
),

-- A number that nobody sent is one contact, however many reviews say that they are of it: the worst of those that are believed.
numbered_once as (
    select
        weighed.*,
        row_number() over (partition by case_no, is_believable order by level nulls first, orphan_id) = 1 as is_first_of_case
    from weighed
),

supported as (
    select
        numbered_once.*,
        case
            when not is_believable then null
            when is_contact_refused then 'contact_refused'
            when not is_first_of_case then null
            when is_number_missing then 'number_missing'
            when is_case_silent then 'case_silent'
        end as support
    from numbered_once
),

final as (
    select
        orphan_id,
        kind,
        sender,
        reviewed_on,
        case when support is null then {{ month_start('reviewed_on') }} else contact_month end as month,
        level,
        support,
        case when support is null then 'unknown' else coalesce(department_code, 'unknown') end as department_code,
        case when support is null then 'unknown' else coalesce(service_item_code, 'unknown') end as service_item_code,
        case when support is null then 'unknown' else coalesce(division_code, 'unknown') end as division_code,
        case when support is not null then nullif(facility_id, 'none') end as facility_id,
        case when support is null then 'unknown' else coalesce(contact_channel, 'unknown') end as contact_channel,
        case
            when support = 'number_missing' then '{"numbers_known": ' || cast(known_numbers as string) || '}'
            when support = 'contact_refused' then '{"contact": "refused"}'
            when support = 'case_silent' then '{"case": "known"}'
        end as evidence
    from supported
)

select * from final
