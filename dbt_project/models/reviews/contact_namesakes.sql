with

quarantine as (
    select * from {{ source('ledger', 'quarantine') }}
),

contacts as (
    select * from {{ ref('stg_evaluation__contacts') }}
),

-- The door has told one of the senders that another uses the number as well.
shared_numbers as (
    select distinct
        contacts.case_no,
        contacts.contact_no
    from contacts
    inner join quarantine
        on
            contacts._receipt = quarantine._receipt
            and contacts._row = quarantine._row
    where quarantine._feed = 'evaluation.contacts' and quarantine.rule = 'key_of_another_sender'
),

sent as (
    select
        contacts.case_no,
        contacts.contact_no,
        contacts.division_code,
        contacts.department_code,
        contacts._sender as sender,
        first_value(contacts._sender) over (
            partition by contacts.case_no, contacts.contact_no
            order by contacts._received_at, contacts._sender
        ) as first_sender
    from contacts
    inner join shared_numbers
        on
            contacts.case_no = shared_numbers.case_no
            and contacts.contact_no = shared_numbers.contact_no
),

firsts as (
    select distinct
        case_no,
        contact_no,
        division_code,
        department_code
    from sent
    where sender = first_sender
),

-- Two senders who name the same division and department speak of one contact.
others as (
    select
        sent.case_no,
        sent.contact_no,
        sent.sender,
        sent.first_sender,
        max(case when firsts.case_no is null then 0 else 1 end) as is_same_contact
    from sent
    left join firsts
        on
            sent.case_no = firsts.case_no
            and sent.contact_no = firsts.contact_no
            and sent.division_code = firsts.division_code
            and sent.department_code = firsts.department_code
    where sent.sender <> sent.first_sender
    group by sent.case_no, sent.contact_no, sent.sender, sent.first_sender
),

final as (
    select
        case_no,
        contact_no,
        sender,
        first_sender,
        is_same_contact = 0 as is_own_contact,
        case when is_same_contact = 0 then sender || '/' || case_no else case_no end as known_case_no
    from others
)

select * from final
