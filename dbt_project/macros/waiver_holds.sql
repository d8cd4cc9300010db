{#- Whether a waiver is of these figures: it names them, to the nine digits in which figures are equal, or none. -#}
{% macro waiver_holds(waiver, violation) -%}
    {%- for side in ['left_value', 'right_value'] -%}
    (
        {{ waiver }}.{{ side }} is null
        or abs({{ waiver }}.{{ side }} - {{ violation }}.{{ side }}) <= 0.000000001 * greatest(abs({{ violation }}.{{ side }}), 1.0)
    )
    {%- if not loop.last %}
            and {% endif -%}
    {%- endfor -%}
{%- endmacro %}
