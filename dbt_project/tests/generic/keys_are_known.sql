{#- Keys of a table lead to rows that are there. `keys`: a column, the table and its column it leads to, and the rows it holds for. -#}
{% test keys_are_known(model, keys) %}
-- Every key of the contract stands in the table it leads to.
{% for key in keys %}
select
    '{{ key.column }}' as column_name,
    keys.value,
    '{{ key.to.identifier }}.{{ key.field }}' as stands_not_in,
    keys.times
from (
    select
        cast({{ key.column }} as string) as value,
        count(*) as times
    from {{ model }}
    where {{ key.column }} is not null{% if key.where %} and {{ key.where }}{% endif %}
    group by {{ key.column }}
) as keys
left join (select distinct cast({{ key.field }} as string) as value from {{ key.to }}) as known on keys.value = known.value
where known.value is null
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
