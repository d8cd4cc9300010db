{%- set measures = ['households', 'population', 'aged_0_2', 'aged_60_plus', 'aged_65_plus', 'urban_residents'] -%}
with

reports as (
    select * from {{ ref('population_reports') }}
),

{{ population_pieces(measures) }},

-- January of its year stands for a year.
final as (
    select
        division_code as unit,
        division_code,
        cast(cast(year as string) || '-01-01' as date) as month,
        {%- for measure in measures %}
        cast({{ measure }} as bigint) as {{ measure }},
        {%- endfor %}
        cast(null as boolean) as is_on_time
    from pieces
)

select * from final
