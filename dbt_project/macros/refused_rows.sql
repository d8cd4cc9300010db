{#-
  CTEs up to `known`: the rows of a feed that the door refused and kept, of files that were not refused whole or withdrawn; a file that waits
  for a person has refused its rows whatever is decided. Columns: sender, receipt, received_at, row_no, reason, refusal_id, and of `said`
  (field → type, case_no and contact_no among them) what the row says, its case under the number that other files know it by. Rows
  refused by one of the rules `besides` are left out. The model has a CTE `namesakes`.
-#}
{% macro refused_rows(feed, said, besides=[]) -%}
{%- set carried = ['sender', 'receipt', 'received_at', 'row_no', 'reason'] -%}
quarantine as (
    select * from {{ source('ledger', 'quarantine') }}
),

attempts as (
    select * from {{ source('ledger', 'receipts') }}
),

standing as (
    select receipt
    from attempts
    where feed = '{{ feed }}' and is_latest and verdict in ('accepted', 'held')
),

refused as (
    select
        quarantine._receipt as receipt,
        quarantine._row as row_no,
        min(quarantine._sender) as sender,
        min(quarantine._received_at) as received_at,
        min(quarantine.rule) as reason,
        max(quarantine.row_says) as row_says
    from quarantine
    inner join standing on quarantine._receipt = standing.receipt
    where
        quarantine._feed = '{{ feed }}'
        and quarantine.severity = 'error'
        {%- if besides %}
        and quarantine.rule not in ('{{ besides | join("', '") }}')
        {%- endif %}
    group by quarantine._receipt, quarantine._row
),

keyed as (
    select
        {{ carried | join(',\n        ') }},
        {{ text_key(['receipt', 'row_no']) }} as refusal_id
        {%- for field, type in said.items() %},
        cast({{ json_text('row_says', field) }} as {{ type }}) as {{ field }}
        {%- endfor %}
    from refused
),

known as (
    select
        keyed.{{ (carried + ['refusal_id']) | join(',\n        keyed.') }},
        coalesce(namesakes.known_case_no, keyed.case_no) as case_no
        {%- for field in said if field != 'case_no' %},
        keyed.{{ field }}
        {%- endfor %}
    from keyed
    left join namesakes
        on
            keyed.case_no = namesakes.case_no
            and keyed.contact_no = namesakes.contact_no
            and keyed.sender = namesakes.sender
)
{%- endmacro %}
