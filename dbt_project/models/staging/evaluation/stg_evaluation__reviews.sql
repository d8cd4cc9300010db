with

source as (
    select * from {{ source('evaluation', 'reviews') }}
),

channels as (
    select * from {{ ref('review_channels') }}
),

final as (
    select
        source.case_no,
        source.contact_no,
        source.review_no,
        cast(source.satisfaction_level as integer) as level,
        source.satisfaction_scheme,
        source.tags,
        source.tags_scheme,
        source.comment,
        coalesce(source.comment, '') <> '' as has_comment,
        coalesce(channels.channel, 'unknown') as channel_code,
        source.channels_scheme,
        source.reviewed_at,
        -- A default says so itself or by the channel its sender uses for defaults; either is enough.
        coalesce(source.is_default, false) or coalesce(channels.is_default = 1, false) as is_default,
        coalesce(source.record_action in ('U', 'D'), false) as is_update,
        coalesce(source.record_action = 'D', false) as is_withdrawn,
        source.reviewer_kind,
        source.reviewer_key,
        source.reviewer_phone_key,
        source._feed,
        source._sender,
        source._receipt,
        source._row,
        source._received_at,
        source._contract_version
    from source
    left join channels
        on
            source.channel = channels.code
            and source.channels_scheme = channels.scheme
)

select * from final
