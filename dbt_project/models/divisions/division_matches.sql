with

divisions as (
    select * from {{ ref('division_latest') }}
),

sent as (
    select * from {{ ref('named_places') }}
),

fits as (
    select * from {{ ref('division_name_fits') }}
),

folded as (
    select
        {{ text_key(['division_code', 'division_name']) }} as place_key,
        division_code,
        division_name,
        {{ fold_name('division_name') }} as folded_name
    from sent
),

matched as (
    select
        folded.*,
        by_code.division_code as code_match,
        by_name.division_code as name_match
    from folded
    left join divisions as by_code on folded.division_code = by_code.division_code
    left join divisions as by_name
        on
            by_name.is_name_unique
            and folded.folded_name = by_name.folded_name
),

-- A village that no list knows still lies in the county or town its full name begins with.
prefixes as (
    select
        matched.place_key,
        divisions.division_code,
        row_number() over (
            partition by matched.place_key
            order by length(divisions.folded_name) desc, divisions.division_code asc
        ) as longest
    from matched
    inner join divisions
        on
            divisions.is_name_unique
            and divisions.level in ('city', 'county', 'town')
            -- Says nothing new (no full name is shorter), but can be hashed: 13,000 × 45,000 comparisons become few.
            and substr(matched.folded_name, 1, 3) = substr(divisions.folded_name, 1, 3)
            and substr(matched.folded_name, 1, length(divisions.folded_name)) = divisions.folded_name
    where matched.code_match is null and matched.name_match is null
),

final as (
    select
        matched.place_key,
        matched.division_code as sent_division_code,
        matched.division_name as sent_division_name,
        coalesce(
            matched.code_match, matched.name_match, fits.division_code, prefixes.division_code, 'unknown'
        ) as division_code,
        case
            when matched.code_match is not null then 'code'
            when matched.name_match is not null then 'name'
            when fits.division_code is not null then 'name_part'
            when prefixes.division_code is not null then 'name_prefix'
            when fits.units > 1 then 'name_ambiguous'
            else 'none'
        end as division_method,
        case
            when
                fits.units > 1
                and matched.code_match is null and matched.name_match is null and prefixes.division_code is null
                then
                    fits.first_full_name || ' / ' || fits.last_full_name
                    || case when fits.units > 2 then ' … (' || cast(fits.units as string) || ')' else '' end
        end as candidates
    from matched
    left join fits on matched.folded_name = fits.folded_name
    left join prefixes
        on
            matched.place_key = prefixes.place_key
            and prefixes.longest = 1
)

select * from final
