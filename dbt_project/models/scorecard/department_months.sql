{%- set sums = cluster_sums() -%}
{%- set counts = [
    'contacts', 'active_reviews', 'good_reviews', 'bad_reviews', 'suspect_reviews', 'excluded_reviews', 'excluded_bad',
    'excluded_bad_decided', 'excluded_bad_decided_outside', 'corrected_reviews', 'moved_bad', 'unmatched_reviews', 'invalid_contact_open',
    'bad_accepted', 'bad_rectified',
    'bad_in_on_time_base', 'bad_on_time', 'bad_replied', 'named_bad_accepted', 'named_bad_revisited', 'second_reviews',
    'second_satisfied',
] -%}
with

counts as (
    select * from {{ ref('review_counts') }}
),

clusters as (
    select * from {{ ref('review_clusters') }}
    where clustered_by = 'department'
),

divisions as (
    select * from {{ ref('division_latest') }}
),

departments as (
    select * from {{ ref('dim_department') }}
),

feed_months as (
    select * from {{ ref('department_feeds') }}
),

department_places as (
    select * from {{ ref('department_places') }}
),

-- What was counted, at the county and at its city.
placed as (
    {%- for level in ['city', 'county'] %}
    select
        counts.month,
        counts.department_code,
        divisions.{{ level }}_code as division_code,
        '{{ level }}' as level,
        {%- for count in counts %}
        cast(sum(counts.{{ count }}) as bigint) as {{ count }},
        {%- endfor %}
        sum(counts.points) as points
    from counts
    inner join divisions on counts.division_code = divisions.division_code
    where divisions.{{ level }}_code is not null
    group by counts.month, counts.department_code, divisions.{{ level }}_code
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

clustered as (
    {%- for level in ['city', 'county'] %}
    select
        clusters.month,
        clusters.code as department_code,
        divisions.{{ level }}_code as division_code,
        '{{ level }}' as level,
        {%- for sum in sums %}
        cast(sum(clusters.{{ sum }}) as bigint) as {{ sum }}{{ ',' if not loop.last }}
        {%- endfor %}
    from clusters
    inner join divisions on clusters.division_code = divisions.division_code
    where divisions.{{ level }}_code is not null
    group by clusters.month, clusters.code, divisions.{{ level }}_code
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- A department that reports stands in every city where residents were served, also where it serves nobody itself.
months_of_divisions as (
    select distinct
        month,
        division_code,
        level
    from placed
    where division_code <> 'unknown'
),

reporting as (
    select distinct
        departments.department_code,
        feed_months.month
    from feed_months
    inner join departments on feed_months.department = departments.feed_department
    where feed_months.feed_days is not null
),

-- Where a department is known to serve, also where nothing came of it because a file is lost.
keys as (
    select
        month,
        department_code,
        division_code,
        level
    from department_places
    union distinct
    select
        month,
        department_code,
        division_code,
        level
    from placed
    where division_code <> 'unknown'
    union distinct
    select
        months_of_divisions.month,
        reporting.department_code,
        months_of_divisions.division_code,
        months_of_divisions.level
    from months_of_divisions
    inner join reporting on months_of_divisions.month = reporting.month
    where months_of_divisions.level = 'city'
),

final as (
    select
        keys.month,
        keys.department_code,
        departments.name_zh as department_name,
        keys.division_code,
        divisions.full_name as division_name,
        keys.level,
        {%- for count in counts %}
        coalesce(placed.{{ count }}, 0) as {{ count }},
        {%- endfor %}
        {%- for sum in sums %}
        coalesce(clustered.{{ sum }}, 0) as {{ sum }},
        {%- endfor %}
        placed.points,
        coalesce(placed.contacts, 0) - coalesce(department_places.uncovered_contacts, 0) as covered_contacts,
        coalesce(department_places.lost_contacts, 0.0) as lost_contacts,
        coalesce(department_places.unmapped_contacts, 0) as unmapped_contacts,
        coalesce(department_places.contacts_under_policy, 0) as contacts_under_policy,
        department_places.feeds_missing,
        feed_months.feed_days,
        feed_months.timely_feed_days,
        feed_months.feed_rows,
        feed_months.feed_rows_accepted
    from keys
    left join departments on keys.department_code = departments.department_code
    left join divisions on keys.division_code = divisions.division_code
    left join placed
        on
            keys.month = placed.month
            and keys.department_code = placed.department_code
            and keys.division_code = placed.division_code
            and keys.level = placed.level
    left join clustered
        on {{ same('keys', 'clustered', ['month', 'department_code', 'division_code', 'level']) }}
    left join department_places
        on {{ same('keys', 'department_places', ['month', 'department_code', 'division_code', 'level']) }}
    left join feed_months
        on
            keys.month = feed_months.month
            and departments.feed_department = feed_months.department
)

select * from final
