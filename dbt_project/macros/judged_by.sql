{#- Joins the policy that a row was judged under, by its `policy_area` and `policy_from`; for use after a `from`. -#}
{% macro judged_by(rows, join='inner') -%}
    {{ join }} join policies
        on
            {{ rows }}.policy_area = policies.area
            and {{ rows }}.policy_from = policies.valid_from
{%- endmacro %}
