{#- Columns hold values of their lists, or null. `lists`: column → values. One test for a table: each costs dbt a start. -#}
{% test only_listed_values(model, lists) %}
-- Every value of a column with a list in the contract is one of the list.
{% for column, values in lists.items() %}
select
    '{{ column }}' as column_name,
    cast({{ column }} as string) as value,
    count(*) as times
from {{ model }}
where cast({{ column }} as string) not in ('{{ values | join("', '") }}')
group by {{ column }}
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
