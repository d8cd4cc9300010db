{{ config(materialized='view') }}
with

judgements as (
    select * from {{ ref('review_judgements') }}
),

suspicions as (
    select * from {{ ref('review_suspicions') }}
),

final as (
    select
        judgements.review_id,
        judgements.contact_id,
        judgements.review_no,
        judgements.reviewed_at,
        judgements.reviewed_on,
        judgements.contact_month,
        judgements.department_code,
        judgements.service_item_code,
        judgements.division_code,
        judgements.facility_id,
        judgements.window_no,
        judgements.contact_channel,
        judgements.channel_code,
        judgements.is_named,
        judgements.level,
        judgements.verdict,
        judgements.is_strictly_good,
        judgements.points,
        judgements.validity,
        suspicions.rule as suspect_rule,
        coalesce(suspicions.evidence, judgements.validity_evidence) as evidence,
        judgements.validity = 'valid' and suspicions.rule is null as is_active,
        judgements.tags,
        judgements.has_comment,
        judgements.policy,
        judgements.policy_version,
        judgements.policy_area,
        judgements.sender,
        judgements.receipt
    from judgements
    left join suspicions on judgements.review_id = suspicions.review_id
)

select * from final
