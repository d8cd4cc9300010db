-- 办件和评价各有一行，代码都是平台已知的。只看当晚更新的；整体重建后看全部。
-- · Contacts and reviews are there once and under codes the platform knows. Only what the night has updated is looked at; after a
-- build of everything, everything is.
{{ config(meta={'dagster': {'ref': {'name': 'fct_contact'}}}) }}
with

contacts as (
    select * from {{ ref('fct_contact') }}
    {{ of_updated_contacts() }}
),

judgements as (
    select * from {{ ref('review_judgements') }}
    {{ of_updated_contacts() }}
),

coded as (
    select distinct
        department_code,
        service_item_code,
        division_code
    from contacts
    union distinct
    select distinct
        department_code,
        service_item_code,
        division_code
    from judgements
)

select
    'the same contact twice' as problem,
    contact_id as row_or_code
from contacts
group by contact_id
having count(*) > 1
union all
select
    'the same review twice' as problem,
    review_id as row_or_code
from judgements
group by review_id
having count(*) > 1
{%- for column, dimension in {
    'department_code': 'dim_department', 'service_item_code': 'dim_service_item', 'division_code': 'dim_division',
}.items() %}
union all
select
    '{{ column }} that {{ dimension }} does not hold' as problem,
    coded.{{ column }} as row_or_code
from coded
left join {{ ref(dimension) }} as known on coded.{{ column }} = known.{{ column }}
where known.{{ column }} is null
{%- endfor %}
