-- 报送过的每个评价主键都在 fct_review 中，不论是否有效。只看当晚更新的；整体重建后看全部。
-- · Every key under which a review was sent is in fct_review, valid or not. Only what the night has updated is looked at; after a
-- build of everything, everything is.
{{ config(meta={'dagster': {'ref': {'name': 'fct_review'}}}) }}
with

sent as (
    select
        case_no,
        contact_no,
        review_no
    from {{ ref('sent_reviews') }}
    {{ of_updated_contacts() }}
),

judgements as (
    select * from {{ ref('review_judgements') }}
    {{ of_updated_contacts() }}
),

judged as (
    select
        judgements.case_no,
        judgements.contact_no,
        judgements.review_no
    from judgements
    inner join {{ ref('fct_review') }} as reviews on judgements.review_id = reviews.review_id
)

select
    sent.case_no,
    sent.contact_no,
    sent.review_no
from sent
left join judged
    on
        sent.case_no = judged.case_no
        and sent.contact_no = judged.contact_no
        and sent.review_no = judged.review_no
where judged.case_no is null
