with

candidates as (
    select * from {{ ref('division_candidates') }}
),

ties as (
    select * from {{ ref('division_ties') }}
),

older as (
    {{ units_without('candidates', 'ties', side='old') }}
    and candidates.next_vintage is not null
),

newer as (
    {{ units_without('candidates', 'ties', side='new') }}
    and candidates.previous_vintage is not null
),

final as (
    {%- for side, met_in in {'older': 'next_vintage', 'newer': 'vintage'}.items() %}
    select
        '{{ side }}' as side,
        {{ met_in }} as met_in,
        vintage,
        level,
        code,
        name,
        name_stem,
        parent_code,
        grandparent_code
    from {{ side }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from final
