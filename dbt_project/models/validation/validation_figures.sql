with

terms as (
    select * from {{ ref('validation_terms') }}
),

indicator_rows as (
    select * from {{ ref('indicator_value') }}
    where not is_remainder
),

sums as (
    select * from {{ ref('indicator_sums') }}
    where units is not null
),

history as (
    select * from {{ ref('dim_division_history') }}
    where not is_virtual
),

deliveries as (
    select
        feed,
        {{ month_start('received_at') }} as month,
        case when verdict in ('accepted', 'held', 'refused') then 1 else 0 end as is_file,
        case when verdict = 'refused' then 1 else 0 end as is_refused,
        case when verdict = 'accepted' and superseded_by is null then rows_received end as rows_received,
        case when verdict = 'accepted' and superseded_by is null then rows_accepted end as rows_accepted,
        case when verdict = 'accepted' and superseded_by is null then rows_quarantined end as rows_rejected
    from {{ ref('feed_health') }}
    where
        is_latest
        and verdict <> 'missing'
),

of_indicators as (
    select
        terms.rule_code,
        terms.side,
        terms.term,
        'division' as unit_kind,
        indicator_rows.division_code as unit_code,
        indicator_rows.area_type,
        indicator_rows.period,
        case terms.part
            {%- for part in ['value', 'numerator', 'denominator', 'target', 'coverage'] %}
            when '{{ part }}' then indicator_rows.{{ part }}
            {%- endfor %}
        end as value
    from terms
    inner join indicator_rows
        on
            terms.kind = 'indicator'
            and terms.figure = indicator_rows.indicator_code
            and terms.levels like '%|' || indicator_rows.division_level || '|%'
            and terms.areas like '%|' || indicator_rows.area_type || '|%'
),

of_measures as (
    select
        terms.rule_code,
        terms.side,
        terms.term,
        'division' as unit_kind,
        sums.division_code as unit_code,
        sums.area_type,
        sums.period,
        sums.value
    from terms
    inner join sums
        on
            terms.kind = 'measure'
            and terms.figure = sums.measure
            and terms.areas like '%|' || sums.area_type || '|%'
    inner join history
        on
            sums.division_code = history.division_code
            and extract(year from sums.period) >= history.valid_from_year
            and extract(year from sums.period) <= coalesce(history.valid_to_year, 9999)
            and terms.levels like '%|' || history.level || '|%'
),

by_feed as (
    select
        feed,
        month,
        cast(sum(is_file) as double) as files,
        cast(sum(is_refused) as double) as files_refused,
        cast(sum(rows_received) as double) as rows_received,
        cast(sum(rows_accepted) as double) as rows_accepted,
        cast(sum(rows_rejected) as double) as rows_rejected
    from deliveries
    group by feed, month
),

of_feeds as (
    select
        terms.rule_code,
        terms.side,
        terms.term,
        'feed' as unit_kind,
        by_feed.feed as unit_code,
        'all' as area_type,
        by_feed.month as period,
        case terms.figure
            {%- for figure in ['files', 'files_refused', 'rows_received', 'rows_accepted', 'rows_rejected'] %}
            when '{{ figure }}' then by_feed.{{ figure }}
            {%- endfor %}
        end as value
    from terms
    inner join by_feed
        on
            terms.kind = 'feed'
            and (terms.feeds = 'all' or terms.feeds like '%|' || by_feed.feed || '|%')
),

stacked as (
    select * from of_indicators
    union all
    select * from of_measures
    union all
    select * from of_feeds
),

final as (
    select * from stacked
    where value is not null
)

select * from final
