-- name: tasks_submit
-- Decide many submissions, in their order.
select * from submit_tasks(:requests::jsonb, :node, :slots, :lease);

-- name: tasks_keyed^
-- What an idempotency key of an owner stands for, while it stands: the request's body, and the purl of its task.
select i.body, t.purl from idempotency i left join tasks t on t.id = i.task
where i.owner = :owner and i.key = :key and i.made >= now_us() - 86400000000;

-- name: tasks_submit_one
-- Decide one submission, without idempotency key and webhook.
select * from submit_one(:owner, :limit, :asked, :purl, :ecosystem, :name, :version, :tools, :priority, :forced, :flagged,
    :upload, :realm, :timeout_s, :cap, :node, :slots, :lease);

-- name: tasks_claim
-- Take the tasks that are next.
select * from claim_tasks(:node, :most, :lease);

-- name: tasks_beat
-- Keep the leases of this node's tasks; the ids of those that are still its own.
update tasks set lease = now_us() + :lease::bigint, heartbeat = now_us()
where id = any(:ids::bigint[]) and state = 'running' and node = :node returning id, attempt;

-- name: tasks_note!
-- Note what running tasks are doing.
update tasks t set phase = coalesce(n.phase, t.phase), container = coalesce(n.container, t.container)
from unnest(:ids::bigint[], :nodes::text[], :attempts::int[], :phases::text[], :containers::text[])
    as n (id, node, attempt, phase, container)
where t.id = n.id and t.state = 'running' and t.node = n.node and t.attempt = n.attempt;

-- name: tasks_end$
-- End a task that is still this attempt's.
select end_task(:id, :node, :attempt, :state, :outcome, :verdict, :category, :message, :details, :phases, :report, :tools);

-- name: tasks_release$
-- Give a task back, or fail it.
select release_task(:id, :node, :attempt, :attempts, :category, :cause);

-- name: tasks_sweep
-- Free what the dead held, end what is over its time.
select * from sweep_tasks(:attempts, :restarts, :node);

-- name: tasks_cancel$
-- End a task because its owner wants it no longer.
select cancel_task(:id);

-- name: tasks_get^
-- A task with its place.
select t.*, case when t.state = 'queued' then queue_position(t.id, t.priority) end as place, now_us() as clock
from tasks t where t.id = :id;

-- name: tasks_get_uuid^
-- The same by uuid.
select t.*, case when t.state = 'queued' then queue_position(t.id, t.priority) end as place, now_us() as clock
from tasks t where t.uuid = :uuid;

-- name: tasks_page
-- An owner's tasks (of anyone where owner is null), newest first.
select t.*, case when t.state = 'queued' then queue_position(t.id, t.priority) end as place, now_us() as clock
from tasks t
where (:owner::text is null or t.owner = :owner) and (:state::text is null or t.state = :state)
    and (:outcome::text is null or t.outcome = :outcome) and (:ecosystem::text is null or t.ecosystem = :ecosystem)
    and (:q::text is null or strpos(lower(t.purl), lower(:q)) > 0)
order by t.id desc offset :skip limit :most;

-- name: tasks_seen
-- The tasks below the number :before that :asker may see (what is public, what is theirs), of one owner where one is
-- named, newest first.
select t.*, case when t.state = 'queued' then queue_position(t.id, t.priority) end as place, now_us() as clock
from tasks t
where t.id < :before and (t.realm = '' or t.realm = :asker) and (:owner::text is null or t.owner = :owner)
    and (:q::text is null or strpos(lower(t.purl), lower(:q)) > 0)
order by t.id desc limit :most;

-- name: tasks_count$
-- How many such tasks there are.
select count(*) from tasks t
where (:owner::text is null or t.owner = :owner) and (:state::text is null or t.state = :state)
    and (:outcome::text is null or t.outcome = :outcome) and (:ecosystem::text is null or t.ecosystem = :ecosystem)
    and (:q::text is null or strpos(lower(t.purl), lower(:q)) > 0);

-- name: tasks_running
-- What runs now, the oldest first.
select t.*, null::bigint as place, now_us() as clock from tasks t where t.state = 'running' order by t.started, t.id;

-- name: tasks_waiting
-- What waits, in the order in which it will run.
select t.*, row_number() over (order by t.priority desc, t.id) as place, now_us() as clock
from (select * from tasks where state = 'queued' order by priority desc, id limit :most) as t
order by t.priority desc, t.id;

-- name: tasks_length$
-- How many wait.
select coalesce(sum(waiting), 0)::bigint from queue_counts where level = 2;

-- name: tasks_node!
-- Say that this node is alive and how many tasks it runs at once.
insert into nodes values (:node, :slots, :tools, now_us())
on conflict (node) do update set slots = excluded.slots, tools = excluded.tools, seen = excluded.seen;

-- name: tasks_others$
-- Whether another node is alive: it said so within the time of a lease, three beats.
select exists (select 1 from nodes where node <> :node and abs(seen - now_us()) < 30000000);

-- name: tasks_kept$
-- Whether anything is under way or kept of exactly this package version.
select exists (select 1 from tasks where purl = :purl and state = 'completed')
    or exists (select 1 from tasks where purl = :purl and state in ('pending', 'queued', 'running'));

-- name: tasks_tools
-- What each other node that is alive and analyses at all does it with.
select tools from nodes where node <> :node and slots > 0 and abs(seen - now_us()) < 30000000;

-- name: tasks_capacity^
-- How many tasks run at once on all living nodes, and how long one takes on average.
select (select coalesce(sum(slots), 0)::int from nodes where abs(seen - now_us()) < 30000000) as slots,
    (select sum(mean_s * least(runs, 50)) / nullif(sum(least(runs, 50)), 0) from durations)::float8 as mean_s;

-- name: tasks_tidy!
-- Forget idempotency keys of yesterday, and counters of ids long gone.
with keys as (delete from idempotency where made < now_us() - 86400000000)
delete from queue_counts where waiting = 0 and bucket < (select max(id) from tasks) >> case level when 1 then 8 else 16 end;

-- name: tasks_upload!
-- Keep an uploaded archive, once.
insert into uploads values (:digest, :name, :size, :content, now_us()) on conflict do nothing;

-- name: tasks_uploaded^
-- An uploaded archive.
select name, size, content from uploads where digest = :digest;
