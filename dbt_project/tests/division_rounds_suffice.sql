-- Units are looked for again until a round finds none (macros/division_rounds.sql); should the last still find some, another is worth its cost.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'division_successor'}}}) }}
select * from {{ ref('division_refound_3') }}
