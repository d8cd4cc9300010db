{#-
  What may be wrong with the days of the versions of a policy: CTEs up to `dated`, and the sentences. For use after a CTE `settings` with
  policy, version, area, valid_from, valid_to (9999-12-31: open), `said`: what a row is about, label: a version as a person calls it,
  and file_row: the row as it stands in the file, to be searched for.
-#}
{% macro dated_versions(said) -%}
version_days as (
    select
        policy,
        version,
        area,
        label,
        valid_from,
        max(valid_to) as valid_to
    from settings
    group by policy, version, area, label, valid_from
),

followed as (
    select
        version_days.*,
        lead(version) over (partition by policy, area order by valid_from, version) as next_version,
        lead(valid_from) over (partition by policy, area order by valid_from, version) as next_from
    from version_days
),

-- A row whose version is followed by another, beside the row of that which says the same parameter, or any other.
neighbours as (
    select
        settings.{{ said }},
        settings.file_row,
        settings.label,
        settings.valid_to,
        followed.next_from,
        followed.valid_from = followed.next_from as is_same_day,
        next_settings.{{ said }} as next_said,
        next_settings.file_row as next_row,
        next_settings.label as next_label,
        row_number() over (
            partition by settings.file_row
            order by (case when settings.{{ said }} = next_settings.{{ said }} then 0 else 1 end) asc, next_settings.file_row asc
        ) as place
    from settings
    inner join followed
        on
            settings.policy = followed.policy
            and settings.version = followed.version
            and settings.area = followed.area
            and settings.valid_from = followed.valid_from
    inner join settings as next_settings
        on
            followed.policy = next_settings.policy
            and followed.next_version = next_settings.version
            and followed.area = next_settings.area
            and followed.next_from = next_settings.valid_from
),

-- A row without a last day ends where the next version begins; one that names its last day has to end there.
dated as (
    select
        neighbours.*,
        case
            when is_same_day or (valid_to < cast('9999-12-31' as date) and next_from <= valid_to) then 'overlap'
            when next_from > {{ add_days('valid_to', 1) }} then 'gap'
        end as fault
    from neighbours
    where place = 1
)
{%- endmacro %}

{% macro date_problems(said) -%}
select
        '日期重叠 · overlap in ' || {{ said }} || ': the row ' || file_row || ' and the row ' || next_row
        || ' of the next version both hold on ' || cast(next_from as string) || case
            when is_same_day then '; two versions of one area cannot begin on one day.'
            else '; end the first on ' || cast({{ add_days('next_from', -1) }} as string) || ', or leave its end empty.'
        end as sentence
    from dated
    where fault = 'overlap'
    union all
    select
        '日期空缺 · gap: ' || label || ' holds until ' || cast(valid_to as string) || ', ' || next_label || ' from '
        || cast(next_from as string) || '; nobody says ' || {{ said }} || ' in between: row ' || file_row || '.' as sentence
    from dated
    where fault = 'gap'
    union all
    select
        '版本内日期不一 · ' || settings.label || ' ends on ' || cast(settings.valid_to as string) || ' for ' || settings.{{ said }}
        || ' and on ' || cast(version_days.valid_to as string) || ' for others: row ' || settings.file_row
        || '; a version ends as one.' as sentence
    from settings
    inner join version_days
        on
            settings.label = version_days.label
            and settings.valid_from = version_days.valid_from
            and settings.policy = version_days.policy
    where settings.valid_to < version_days.valid_to
{%- endmacro %}
