with

months as (
    select * from {{ ref('department_months') }}
),

surveys as (
    select * from {{ ref('survey_score') }}
),

survey_departments as (
    select * from {{ ref('survey_departments') }}
),

cities as (
    select count(distinct division_code) as n from months
    where level = 'city'
),

waves as (
    select *
    from surveys
    where group_name = 'all' and question_id = 'all' and mean is not null
),

-- Waves of the division itself; a whole sample speaks for the only city.
asked as (
    select
        months.month,
        months.department_code,
        months.division_code,
        waves.wave as survey_wave,
        waves.n as survey_answers,
        waves.mean as survey_mean,
        waves.mean_lo as survey_mean_lo,
        waves.mean_hi as survey_mean_hi,
        waves.is_weighted as survey_is_weighted,
        waves.verdict as survey_verdict,
        row_number() over (
            partition by months.month, months.department_code, months.division_code
            order by waves.held_on desc nulls last, waves.wave desc, waves.area_level desc
        ) as place
    from months
    cross join cities
    inner join survey_departments on months.department_code = survey_departments.department_code
    inner join waves
        on
            survey_departments.dimension = waves.dimension
            and coalesce(waves.held_on, months.month) <= {{ month_end('months.month') }}
            and (
                months.division_code = waves.division_code
                or (months.level = 'city' and waves.area_level = 'all' and cities.n = 1)
            )
),

-- The newest wave held by the end of the month.
final as (
    select
        month,
        department_code,
        division_code,
        survey_wave,
        survey_answers,
        survey_mean,
        survey_mean_lo,
        survey_mean_hi,
        survey_is_weighted,
        survey_verdict
    from asked
    where place = 1
)

select * from final
