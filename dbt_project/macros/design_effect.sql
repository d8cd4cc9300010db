{#-
  What clusters of reviews say of chance, as sums that add up over months and units: of each kind of cluster how many there are, and
  of their reviews n and good ones g the sums of n², n·g and g².
-#}
{% macro cluster_sums() -%}
    {%- set sums = [] -%}
    {%- for kind in cluster_kinds() -%}
        {%- for what in ['clusters', 'reviews_squared', 'reviews_by_good', 'good_squared'] -%}
            {%- do sums.append(kind ~ '_' ~ what) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(sums) }}
{%- endmacro %}

{#- Reviews of one day are alike, and those of one window: kind of cluster → what names it within a facility. -#}
{% macro cluster_kinds() -%}
    {{ return({'day': 'cast(reviewed_on as string)', 'window': 'window_no'}) }}
{%- endmacro %}

{#- How the sums of clusters group the reviews of a facility: what a unit of the scorecard needs its reviews grouped by. -#}
{% macro clustered_by(dimension) -%}
    case when {{ dimension }} in ('department', 'service_item', 'channel') then {{ dimension }} else 'place' end
{%- endmacro %}

{#-
  The design effect of a rate of good reviews: by how much reviews that came in clusters say less than as many that came alone; never
  below 1, and the greater of the two kinds of clusters. Estimated where the unit has `clusters_min` of them: the linearised variance
  of a ratio against that of a binomial (Kish 1965), times (t / z)² for clusters − 1 degrees of freedom at the quantile z of the interval
  that reads it. Where it has fewer or all reviews
  agree, it is 1 + (Σn² / n − 1) · intra_cluster_correlation by the policy, at most assumed_design_effect_max, so that nobody
  buys a doubt with two windows. `rows` has active_reviews, good_reviews and the cluster sums.
-#}
{% macro design_effect(rows, policies, z=none) -%}
    {%- set n = rows ~ '.active_reviews' -%}
    {%- set g = rows ~ '.good_reviews' -%}
    {%- set z = z or policies ~ '.interval_z' -%}
    greatest(
        1.0
        {%- for kind in cluster_kinds() %}
        {%- set of = rows ~ '.' ~ kind ~ '_' -%}
        {%- set df = '(' ~ of ~ 'clusters - 1)' %},
        case
            when {{ of }}reviews_squared > {{ n }} and {{ of }}clusters >= {{ policies }}.clusters_min and {{ g }} between 1 and {{ n }} - 1
                then
                    (
                        {{ of }}good_squared - 2 * {{ g }} / {{ n }} * {{ of }}reviews_by_good
                        + cast({{ g }} as double) * {{ g }} / {{ n }} / {{ n }} * {{ of }}reviews_squared
                    )
                    * {{ of }}clusters / {{ df }} * {{ n }} / (cast({{ g }} as double) * ({{ n }} - {{ g }}))
                    * {{ squared_t_over_z(df, z) }}
            when {{ of }}reviews_squared > {{ n }}
                then
                    least(
                        {{ policies }}.assumed_design_effect_max,
                        1.0 + (cast({{ of }}reviews_squared as double) / {{ n }} - 1.0) * {{ policies }}.intra_cluster_correlation
                    )
            else 1.0
        end
        {%- endfor %}
    )
{%- endmacro %}

{#-
  (t / z)² for the quantile t of Student's distribution of `df` degrees of freedom at the tail of the normal quantile z.
  Source: Cornish and Fisher's expansion, Abramowitz and Stegun 26.7.5; from 5 degrees on within .1 % at 95 % and .4 % at z = 2.87.
-#}
{% macro squared_t_over_z(df, z) -%}
    {%- set df = 'cast(' ~ df ~ ' as double)' -%}
    power(
        1.0 + ({{ z }} * {{ z }} + 1.0) / (4.0 * {{ df }})
        + (5.0 * power({{ z }}, 4) + 16.0 * {{ z }} * {{ z }} + 3.0) / (96.0 * {{ df }} * {{ df }})
        + (3.0 * power({{ z }}, 6) + 19.0 * power({{ z }}, 4) + 17.0 * {{ z }} * {{ z }} - 15.0)
        / (384.0 * {{ df }} * {{ df }} * {{ df }})
        + (79.0 * power({{ z }}, 8) + 776.0 * power({{ z }}, 6) + 1482.0 * power({{ z }}, 4) - 1920.0 * {{ z }} * {{ z }} - 945.0)
        / (92160.0 * {{ df }} * {{ df }} * {{ df }} * {{ df }}),
        2
    )
{%- endmacro %}

{#- As many reviews that came alone as say no less: what the interval of a rate of reviews is made of. -#}
{% macro effective(count, design_effect='design_effect') -%}
    (cast({{ count }} as double) / {{ design_effect }})
{%- endmacro %}
