{#-
  How many reviews in all it takes, at the rate `p`, until the Wilson interval lies wholly on one side of `line`: the interval
  holds the line exactly while (p − line)² n ≤ z² line (1 − line). Null where p lies on the line: no number of reviews would do.
-#}
{% macro reviews_to_leave(p, line, z) -%}
    case
        when abs({{ p }} - {{ line }}) > 1e-6
            then
                floor(
                    {{ z }} * {{ z }} * {{ line }} * (1.0 - {{ line }}) / (({{ p }} - {{ line }}) * ({{ p }} - {{ line }}))
                ) + 1
    end
{%- endmacro %}
