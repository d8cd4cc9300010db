{#- Rows of the latest period that each sender has reported, however late it was reported. For use in a CTE. -#}
{% macro latest_period(relation, period) -%}
    select periods.*
    from {{ relation }} as periods
    inner join (
        select _sender, max({{ period }}) as _latest
        from {{ relation }}
        group by _sender
    ) as latest
        on periods._sender = latest._sender and periods.{{ period }} = latest._latest
{%- endmacro %}
