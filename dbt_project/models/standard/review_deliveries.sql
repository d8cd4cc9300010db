{{ config(materialized='table') }}
with

{{ deliveries_since({
    'stg_evaluation__contacts': 'closed_at',
    'stg_evaluation__reviews': 'reviewed_at',
    'stg_evaluation__rectifications': 'accepted_at',
}) }}

select * from final
