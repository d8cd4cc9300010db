with

reported as (
    select * from {{ ref('facility_registrations') }}
),

first_sent as (
    select
        register,
        facility_code,
        _sender as sender,
        min(_received_at) as first_received_at
    from reported
    group by register, facility_code, _sender
),

ranked as (
    select
        register,
        facility_code,
        sender,
        row_number() over (partition by register, facility_code order by first_received_at asc, sender asc) as turn,
        count(*) over (partition by register, facility_code) as senders
    from first_sent
),

last_said as (
    {{ newest_row('reported', key=['register', 'facility_code', '_sender']) }}
),

final as (
    select
        ranked.register,
        ranked.facility_code,
        ranked.sender,
        -- Whoever used a code first keeps the short id, so that another sender's register renames nobody.
        case
            when last_said.codes_of = 'sender' and ranked.turn > 1
                then ranked.register || ':' || ranked.sender || '/' || ranked.facility_code
            else ranked.register || ':' || ranked.facility_code
        end as facility_id,
        last_said.codes_of,
        ranked.senders,
        last_said.name,
        last_said._feed as feed,
        last_said._receipt as receipt
    from ranked
    inner join last_said
        on
            ranked.register = last_said.register
            and ranked.facility_code = last_said.facility_code
            and ranked.sender = last_said._sender
)

select * from final
