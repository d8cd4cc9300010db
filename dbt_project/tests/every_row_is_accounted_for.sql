-- 每份已接收的文件：收到 = 接收 + 隔离。
-- · received = accepted + quarantined, for every delivery that was let in.
select
    attempt_id,
    rows_received,
    rows_accepted,
    rows_quarantined
from {{ ref('feed_health') }}
where
    verdict = 'accepted'
    and rows_received <> rows_accepted + rows_quarantined
