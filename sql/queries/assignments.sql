-- name: assignments_add$
-- One more wish; its number.
insert into assignments (job, kind, targets, made_by, created, changed)
values (:job::jsonb, :kind, :targets::text[], :made_by, :at, :at) returning id;

-- name: assignments_change$
-- Another job in a standing assignment's place; nothing comes back when it does not stand.
update assignments set job = :job::jsonb, changed = :at where id = :id and ended is null returning id;

-- name: assignments_end$
-- Take an assignment back; nothing comes back when it does not stand.
update assignments set ended = :at, changed = :at where id = :id and ended is null returning id;

-- name: assignments_get^
-- One assignment, standing or ended.
select id, job, kind, targets, made_by, created, changed, ended from assignments where id = :id;

-- name: assignments_standing
-- All that stand, oldest first.
select id, job, kind, targets, made_by, created, changed, ended from assignments where ended is null order by id;

-- name: assignments_page
-- Newest first, below a number.
select id, job, kind, targets, made_by, created, changed, ended from assignments
where id < :before and (:standing::boolean is null or (ended is null) = :standing) order by id desc limit :most;

-- name: assignments_results
-- The newest check of each of these agents that a job's label stands on, looked for in the newest :reach of the log.
select one.* from unnest(:jids::text[]) as u (jid)
cross join lateral (
    select c.agent, c.id, c.seq, c.status, c.observed, c.target, c.type from checks c
    where c.agent = u.jid and detail ? 'labels' and detail -> 'labels' @> jsonb_build_object('job', :job::text)
        and c.seq > (select coalesce(max(seq), 0) - :reach from checks)
    order by c.seq desc limit 1
) one;

-- name: orders_agents
-- Every approved agent with where it stands, and its order's version as it was last made; one alone where :jid is given.
select a.jid, a.tags, a.duties, a.site, o.version, o.document, o.running, u.id as update_id,
    u.version as update_version, u.kits as update_kits
from agents a left join orders o on o.jid = a.jid left join updates u on u.jid = a.jid
where a.state = 'approved' and (:jid::text is null or a.jid = :jid);

-- name: orders_put!
-- An agent's order, in place of the one before.
insert into orders (jid, version, document, signature, issued) values (:jid, :version, :document, :signature, :issued)
on conflict (jid) do update set version = excluded.version, document = excluded.document,
    signature = excluded.signature, issued = excluded.issued, trouble = '';

-- name: orders_get^
-- One agent's order.
select jid, version, document, signature, issued, running, running_digest, told, trouble from orders where jid = :jid;

-- name: orders_of
-- The orders of these agents.
select jid, version, document, signature, issued, running, running_digest, told, trouble from orders
where jid = any (:jids::text[]);

-- name: orders_documents
-- Every order's document.
select jid, document from orders order by jid for update;

-- name: orders_sign!
-- Another signature under the same document.
update orders set signature = :signature where jid = :jid and document = :document;

-- name: orders_running!
-- What an agent says it runs.
update orders set running = :running, running_digest = :digest, told = :at, trouble = :trouble where jid = :jid;

-- name: orders_trouble!
-- Why an agent does not take its order.
update orders set trouble = :trouble, told = :at where jid = :jid;
