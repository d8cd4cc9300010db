-- 报送方每日最后一次报送的设施都在 dim_facility 中，无法归属的列为该数据流的问题；凡契约称为名录的数据流都算。代码自编的，各报送方各有其设施。
-- · Every facility in the last delivery of a sender and day is in dim_facility, and what could not be placed is a problem of its
-- feed; whichever feeds their contracts call registers. Where codes are each sender's own, a code has a facility for each sender.
{{ config(meta={'dagster': {'ref': {'name': 'dim_facility'}}}) }}
with

sent as (
    {%- for feed in contract_feeds('facility') %}
    select
        '{{ feed.feed }}' as feed,
        '{{ feed.facility.register }}:' || {{ feed.facility.code }} as facility_id,
        {{ '_sender' if feed.facility.codes_of == 'sender' else 'cast(null as string)' }} as sender,
        '{{ feed.facility.register }}:' || _sender || '/' || {{ feed.facility.code }} as id_of_sender,
        cast(_received_at as string) || _receipt as delivery,
        max(cast(_received_at as string) || _receipt) over (
            partition by _sender, {{ feed.facility.snapshot_on }}
        ) as last_delivery
    from {{ ref(feed.model) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

-- Behind a facility whose place is ambiguous stand the places it may be in.
problems as (
    select
        problem,
        case
            when instr(sent_value, ': ') > 0 then substr(sent_value, 1, instr(sent_value, ': ') - 1)
            else sent_value
        end as facility_id
    from {{ ref('feed_problem') }}
    where problem in ('facility_not_placed', 'facility_name_ambiguous')
)

select distinct
    sent.feed,
    sent.facility_id,
    'not in dim_facility' as lost
from sent
left join facilities
    on sent.facility_id = facilities.facility_id and coalesce(sent.sender = facilities.sender, true)
left join facilities as of_sender
    on sent.id_of_sender = of_sender.facility_id and sent.sender = of_sender.sender
where sent.delivery = sent.last_delivery and facilities.facility_id is null and of_sender.facility_id is null
union all
select
    facilities.feed,
    facilities.facility_id,
    'without a division, and in no problem' as lost
from facilities
left join problems on facilities.facility_id = problems.facility_id
where facilities.division_code = 'unknown' and problems.problem is null
