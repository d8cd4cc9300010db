{#-
  Which of `rules` (policies, weights, targets: rows with area, valid_from, valid_to) is in force for each of `cases`: a query
  of `key` and the columns of the rule, one row a case; a case that no rule reaches has none.

  In force is the rule that holds on the day of the case in the smallest area around its division; with `base_fills_in`, rules of
  the base policy are among them and yield to any of the chosen one. `day` and `division` are columns of the cases; without
  `division`, only what holds everywhere counts. With `subject`, a rule is only for cases that agree with it in that column.
  For use in a CTE, beside one named `divisions` where a division is given.
-#}
{% macro in_force(cases, rules, key, day, division=none, subject=none, base_fills_in=false) -%}
    {%- set nearness = area_nearness(rules ~ '.area', 'divisions' if division else none) -%}
    select ranked.*
    from (
        select
            {%- for column in key if column != subject %}
            {{ cases }}.{{ column }},
            {%- endfor %}
            {{ rules }}.*,
            row_number() over (
                partition by {{ prefixed(cases, key) }}
                order by
                    {% if base_fills_in -%}
                    (case when {{ rules }}.policy = '{{ var("base_policy") }}' then 1 else 0 end) asc,
                    {% endif -%}
                    {{ nearness }} desc,
                    {{ rules }}.valid_from desc
            ) as nearest
        from {{ cases }}
        {%- if division %}
        left join divisions on {{ cases }}.{{ division }} = divisions.division_code
        {%- endif %}
        inner join {{ rules }}
            on
                {{ holds_on(rules, cases ~ '.' ~ day) }}
                and {{ nearness }} is not null
                {%- if subject %}
                and {{ same(cases, rules, [subject]) }}
                {%- endif %}
    ) as ranked
    where ranked.nearest = 1
{%- endmacro %}

{#- Whether a rule holds on a day: its last day is one of them, and a rule without a last day holds for good. -#}
{% macro holds_on(rule, day) -%}
    {{ day }} >= {{ rule }}.valid_from
    and {{ day }} <= coalesce({{ rule }}.valid_to, cast('9999-12-31' as date))
{%- endmacro %}
