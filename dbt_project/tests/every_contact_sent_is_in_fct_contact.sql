-- 报送过的每个办件在 fct_contact 中各有一行，任一行写明办结即为办结。只看当晚更新的；整体重建后看全部。
-- · Every contact that was sent is in fct_contact once, and closed if any row of it says so. Only what the night has updated is
-- looked at; after a build of everything, everything is.
{{ config(meta={'dagster': {'ref': {'name': 'fct_contact'}}}) }}
with

sent as (
    select
        case_no,
        contact_no,
        max(case when closed_at is not null and is_of_first_sender then 1 else 0 end) as is_closed
    from {{ ref('sent_contacts') }}
    {{ of_updated_contacts() }}
    group by case_no, contact_no
),

known as (
    select
        case_no,
        contact_no,
        count(*) as contacts,
        max(case when closed_at is not null then 1 else 0 end) as is_closed
    from {{ ref('fct_contact') }}
    {{ of_updated_contacts() }}
    group by case_no, contact_no
)

select
    sent.case_no,
    sent.contact_no
from sent
left join known
    on
        sent.case_no = known.case_no
        and sent.contact_no = known.contact_no
where known.case_no is null or known.contacts > 1 or known.is_closed <> sent.is_closed
