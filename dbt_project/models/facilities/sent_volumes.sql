{{ config(materialized='view') }}
with

{{ volumes_sent([]) }},

final as (
    select
        facility_id,
        period_start,
        period_end,
        service_item_code,
        _feed,
        _sender,
        _receipt,
        _row
    from measured
)

select * from final
