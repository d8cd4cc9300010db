-- 无人对照的代码、无法归属的设施、不知属于谁的服务量：行保留并标明，在此按报送方列出，以便补充代码表或询问部门。
-- · Codes nobody has mapped, facilities without a place, volumes of nobody: the rows stay, marked, and this lists them with their
-- senders, so that somebody adds the code to its seed or asks the department.
{{ config(severity='warn') }}
select
    feed,
    sender,
    problem,
    sent_value,
    sum(affected_rows) as affected_rows
from {{ ref('feed_problem') }}
group by feed, sender, problem, sent_value
