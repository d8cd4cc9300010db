with

decided as (
    select
        *,
        'decided_by_hand' as reason
    from {{ ref('division_decided') }}
    where decision = 'same'
),

twins as (
    select * from {{ ref('division_twins') }}
),

same_codes as (
    select * from {{ ref('division_same_codes') }}
),

heirs as (
    select * from {{ ref('division_heirs') }}
),

final as (
    {%- for pairs in ['decided', 'twins', 'same_codes', 'heirs'] %}
    select
        {{ unit_pair_columns() }}
    from {{ pairs }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from final
