with

links as (
    select * from {{ source('derived', 'facility_links') }}
),

facilities as (
    select * from {{ ref('dim_facility') }}
),

final as (
    select
        links.left_id,
        links.right_id,
        links.decision,
        links.decided_by,
        links.probability,
        links.name_agreement,
        links.address_agreement,
        links.phone_agreement,
        links.distance_agreement,
        links.distance_m,
        lefts.name as left_name,
        rights.name as right_name,
        lefts.address as left_address,
        rights.address as right_address,
        lefts.department_code as left_department_code,
        rights.department_code as right_department_code,
        coalesce(lefts.complex_id = rights.complex_id, false) as is_same_complex
    from links
    left join facilities as lefts on links.left_id = lefts.facility_id
    left join facilities as rights on links.right_id = rights.facility_id
)

select * from final
