{{ config(materialized='table') }}
with

{{ deliveries_since({
    'stg_evaluation__contacts': none,
    'stg_evaluation__reviews': none,
    'stg_evaluation__rectifications': none,
}) }}

select * from final
