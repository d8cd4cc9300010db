-- 逐轮寻找单位，直到一轮找不到为止（macros/division_rounds.sql）。这里若有单位，就还要再加一轮。
-- · Units are looked for in rounds until one finds none (macros/division_rounds.sql). A unit that is here would begin another.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'division_refound_3'}}}) }}
-- depends_on: {{ ref('division_refound_3') }}
{{ late_heirs(['division_refound', 'division_late_heirs', 'division_refound_2', 'division_late_heirs_2', 'division_refound_3']) }}
