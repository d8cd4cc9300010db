{%- set feeds = contract_feeds('facility') | map(attribute='feed') | list -%}
{{ config(meta={'receipts_of': feeds}) }}
with

reported as (
    select * from {{ ref('facility_registrations') }}
),

-- Of the registers alone: another feed's file is nothing that facilities are made of (meta.receipts_of).
receipts as (
    select * from {{ source('ledger', 'receipts') }}
    where feed in ('{{ feeds | join("', '") }}')
),

codes as (
    select * from {{ ref('facility_codes') }}
),

-- A snapshot sent again for the same day replaces the first.
delivered as (
    {{ newest_delivery('reported', by=['register', 'snapshot_on']) }}
),

snapshots as (
    select distinct
        register,
        _sender,
        snapshot_on,
        _receipt
    from delivered
),

-- A snapshot is whole if no row of its file was turned away: who is missing from it has left.
judged as (
    select
        snapshots.*,
        coalesce(receipts.rows_quarantined, 0) = 0 as is_whole
    from snapshots
    left join receipts
        on
            snapshots._receipt = receipts.receipt
            and receipts.is_latest
),

followed as (
    select
        judged.*,
        lead(snapshot_on, 1) over (partition by register, _sender order by snapshot_on) as next_on,
        lead(is_whole, 1) over (partition by register, _sender order by snapshot_on) as is_next_whole,
        lead(snapshot_on, 2) over (partition by register, _sender order by snapshot_on) as after_next_on
    from judged
),

identified as (
    select
        delivered.*,
        codes.facility_id
    from delivered
    inner join codes
        on
            delivered.register = codes.register
            and delivered.facility_code = codes.facility_code
            and delivered._sender = codes.sender
),

-- Two senders may report one facility under a code that was issued for everybody: the later word of a day counts.
kept as (
    {{ newest_row('identified', key=['facility_id', 'snapshot_on']) }}
),

final as (
    select
        kept.facility_id,
        kept.snapshot_on,
        followed.next_on as absent_from,
        -- A row that was turned away is no farewell: missing from such a file, a facility must be missing twice.
        case when followed.is_next_whole then followed.next_on else followed.after_next_on end as absence_proved_on,
        kept.facility_code,
        kept.register,
        kept._feed as feed,
        kept.name,
        kept.type_code,
        kept.division_code,
        kept.division_name,
        kept.address,
        kept.longitude,
        kept.latitude,
        {{ text_key(['kept.division_code', 'kept.division_name', 'kept.address', 'kept.longitude', 'kept.latitude']) }}
            as place_key,
        kept.phone,
        kept.capacity_unit,
        {{ prefixed('kept', register_columns()) }},
        kept._sender as sender,
        kept._receipt as receipt
    from kept
    inner join followed
        on
            kept.register = followed.register
            and kept._sender = followed._sender
            and kept.snapshot_on = followed.snapshot_on
)

select * from final
