{#- Which levels a written address may leave out. A path begins at the county at the latest: a town's name alone says little. -#}
{%- set paths = [
    ['province', 'city', 'county', 'town', 'village'],
    ['city', 'county', 'town', 'village'],
    ['province', 'county', 'town', 'village'],
    ['county', 'town', 'village'],
    ['province', 'city', 'county', 'village'],
    ['city', 'county', 'village'],
    ['county', 'village'],
] -%}
{%- set unwritten = "'" ~ (place().unwritten or [''] ) | join("', '") ~ "'" -%}
with

reports as (
    select * from {{ ref('facility_reports') }}
),

divisions as (
    select * from {{ ref('division_latest') }}
),

matches as (
    select * from {{ ref('division_matches') }}
),

-- Only the addresses of rows that neither their code nor their division's name has placed.
addresses as (
    select distinct
        reports.address,
        regexp_replace({{ fold_name('reports.address') }}, '^[0-9]+', '') as folded_address
    from reports
    inner join matches
        on {{ text_key(['reports.division_code', 'reports.division_name']) }} = matches.place_key
    where matches.division_code = 'unknown' and reports.address is not null
),

lengths as (
    {%- for n in range(2, 41) %}
    select {{ n }} as n{{ ' union all' if not loop.last }}
    {%- endfor %}
),

beginnings as (
    select
        addresses.address,
        lengths.n,
        substr(addresses.folded_address, 1, lengths.n) as beginning
    from addresses
    inner join lengths on length(addresses.folded_address) >= lengths.n
),

-- 市辖区 and its like stand in lists, never on an envelope.
named as (
    select
        units.division_code,
        units.level
        {%- for level in ['province', 'city', 'county', 'town', 'village'] %},
        coalesce(
            case
                when {{ level }}s.name in ({{ unwritten }}) then ''
                else {{ fold_name(level ~ 's.name') }}
            end,
            ''
        ) as {{ level }}
        {%- endfor %}
    from divisions as units
    {%- for level in ['province', 'city', 'county', 'town', 'village'] %}
    left join divisions as {{ level }}s on units.{{ level }}_code = {{ level }}s.division_code
    {%- endfor %}
    where
        units.valid_to_year is null
        and units.level in ('county', 'town', 'village')
        and units.county_code is not null
),

forms as (
    {%- for path in paths %}
    select
        {%- for level in ['province', 'city', 'county', 'town', 'village'] %}
        {{ 'true' if level in path else 'false' }} as has_{{ level }}{{ ',' if not loop.last }}
        {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

paths as (
    select distinct
        named.division_code,
        concat(
            {%- for level in ['province', 'city', 'county', 'town', 'village'] %}
            case when forms.has_{{ level }} then named.{{ level }} else '' end{{ ',' if not loop.last }}
            {%- endfor %}
        ) as path
    from named
    -- A path without its town names a village.
    inner join forms on forms.has_town or named.level = 'village'
),

hits as (
    select
        beginnings.address,
        beginnings.n,
        min(paths.division_code) as division_code
    from beginnings
    inner join paths on beginnings.beginning = paths.path
    group by beginnings.address, beginnings.n
    -- A path that several units share decides nothing.
    having count(distinct paths.division_code) = 1
),

ranked as (
    select
        hits.*,
        row_number() over (partition by address order by n desc) as longest
    from hits
),

final as (
    select
        address,
        division_code,
        n as path_length
    from ranked
    where longest = 1
)

select * from final
