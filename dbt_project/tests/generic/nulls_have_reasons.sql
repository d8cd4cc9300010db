{#- A value is null exactly where its reason is given. `reasons`: column → the column that says why. -#}
{% test nulls_have_reasons(model, reasons) %}
-- A value is null exactly where its reason is given.
{% for column, reason in reasons.items() %}
select
    '{{ column }}' as column_name,
    cast({{ column }} as string) as value,
    cast({{ reason }} as string) as reason
from {{ model }}
where ({{ column }} is null) <> ({{ reason }} is not null)
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
