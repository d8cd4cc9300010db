{{ config(materialized='table', post_hook="{{ say_built_from(find_volume_steps() | join(' ')) }}") }}
{%- set days = {} -%}
{%- for feed in contract_feeds('volume') %}{% do days.update({feed.model: feed.volume.day or feed.volume.month}) %}{% endfor -%}
with

{{ deliveries_since(days) }}

select * from final
