{{ config(materialized='table', post_hook="{{ say_built_from(find_volume_steps() | join(' ')) }}") }}
with

{{ deliveries_since({
    'stg_health__service_volumes': 'served_on',
    'stg_sports__openings': 'opened_on',
    'stg_culture__activities': 'held_on',
    'stg_civil_affairs__elderly_care': 'month',
}) }}

select * from final
