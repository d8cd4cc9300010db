{{ config(
    materialized=kept(),
    pre_hook="{{ take_out('(case_no, contact_no) in (select case_no, contact_no from ' ~ ref('review_delta') ~ ')') }}",
    post_hook="{{ say_updated() }}",
) }}
{%- set unit = unit_codes('contacts') -%}
{{ after('review_delta') }}
{#- what is passed on of a contact as it was sent -#}
{%- set columns = [
    'case_no', 'contact_no', 'department_code', 'service_item_code', 'division_code', 'facility_code', 'window_no',
    'channel', 'opened_at', 'closed_at', 'promised_days', 'named', '_sender', '_receipt',
] -%}
with

sent as (
    select * from {{ ref('sent_contacts') }}
    {{ of_touched_contacts() }}
),

-- Nearly every contact comes once: only the others need to be put in order.
repeated_keys as (
    select
        case_no,
        contact_no
    from sent
    group by case_no, contact_no
    having count(*) > 1
),

-- A contact may be sent open and again once it is closed. An older file that comes late does not open it again, and what another
-- sender says of it does not count.
ranked as (
    select
        sent.*,
        row_number() over (
            partition by sent.case_no, sent.contact_no
            order by
                (case when sent.is_of_first_sender then 0 else 1 end) asc,
                (case when sent.closed_at is null then 1 else 0 end) asc,
                sent._received_at desc, sent._receipt desc, sent._row desc
        ) as newest
    from sent
    inner join repeated_keys
        on
            sent.case_no = repeated_keys.case_no
            and sent.contact_no = repeated_keys.contact_no
),

contacts as (
    select
        {{ columns | join(',\n        ') }}
    from ranked
    where newest = 1
    union all
    select
        {%- for column in columns %}
        sent.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from sent
    left join repeated_keys
        on
            sent.case_no = repeated_keys.case_no
            and sent.contact_no = repeated_keys.contact_no
    where repeated_keys.case_no is null
),

{{ unit_code_ctes() }},

final as (
    select
        {{ text_key(['contacts.case_no', 'contacts.contact_no']) }} as contact_id,
        contacts.case_no,
        contacts.contact_no,
        -- Kept with the contact: a night would otherwise take millions of numbers apart to place a few reviews.
        {{ case_series('contacts.case_no') }} as case_series,
        {{ case_serial('contacts.case_no') }} as case_serial,
        {{ unit.department_code }} as department_code,
        contacts.department_code as sent_department_code,
        {{ unit.service_item_code }} as service_item_code,
        contacts.service_item_code as sent_service_item_code,
        {{ unit.division_code }} as division_code,
        contacts.division_code as sent_division_code,
        {{ unit.facility_id }} as facility_id,
        contacts.window_no,
        contacts.channel as contact_channel,
        contacts.opened_at,
        contacts.closed_at,
        {{ month_start('contacts.closed_at') }} as closed_month,
        contacts.promised_days,
        contacts.named as is_named,
        contacts._sender as sender,
        contacts._receipt as receipt
    from contacts
    {{ unit_code_joins('contacts') }}
)

select * from final
