with

parameters as (
    select * from {{ ref('review_policy') }}
),

final as (
    select
        policy,
        version,
        area,
        valid_from,
        valid_to,
        {%- for parameter in review_policy_parameters() %}
        max(case when parameter = '{{ parameter }}' then value end) as {{ parameter }}{{ ',' if not loop.last }}
        {%- endfor %}
    from parameters
    group by policy, version, area, valid_from, valid_to
)

select * from final
