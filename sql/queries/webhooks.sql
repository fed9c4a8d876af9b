-- name: webhooks_claim
-- Those that are due because their task has ended, now this process's for :lease microseconds. None is put off for three
-- hours: the clock was set back.
with mine as (
    select w.id from webhooks w join tasks t on t.id = w.task
    where (w.due <= now_us() or w.due > now_us() + 10800000000) and t.state in ('completed', 'failed')
    order by w.due limit :most for update of w skip locked
), taken as (
    update webhooks w set due = now_us() + :lease::bigint, tries = w.tries + 1 from mine where w.id = mine.id
    returning w.id, w.task, w.url, w.tries
)
select taken.id, taken.url, taken.tries, t.id as task, t.uuid, t.purl, t.state, t.outcome, t.report
from taken join tasks t on t.id = taken.task;

-- name: webhooks_again!
-- Try this one again after a while.
update webhooks set due = now_us() + :pause::bigint where id = :id;

-- name: webhooks_done!
-- Forget one that was told, or given up.
delete from webhooks where id = :id;
