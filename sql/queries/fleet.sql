-- name: fleet_states
-- Every agent's state.
select jid, state from agents;

-- name: fleet_state^
-- One agent's state.
select state from agents where jid = :jid;

-- name: fleet_meet<!
-- A newcomer, unless known; answers its state.
insert into agents (jid, state, first_seen, last_seen) values (:jid, :state, :at, :at)
on conflict (jid) do update set last_seen = greatest(agents.last_seen, excluded.last_seen)
returning state;

-- name: fleet_decide!
-- Approve or revoke, known or not.
insert into agents (jid, state, first_seen, last_seen) values (:jid, :state, :at, :at)
on conflict (jid) do update set state = excluded.state;

-- name: fleet_report!
-- What an agent said of itself.
update agents
set duties = :duties::text[], tags = :tags::text[], site = :site, version = :version, behaviours = :behaviours::jsonb,
    last_seen = greatest(last_seen, :at)
where jid = :jid;

-- name: fleet_infer!
-- Behaviours inferred from checks, for agents that reported none themselves.
update agents a set behaviours = u.behaviours
from jsonb_each(:behaviours::jsonb) as u (jid, behaviours)
where a.jid = u.jid and not exists (
    select 1 from jsonb_array_elements(a.behaviours) b where not coalesce((b ->> 'inferred')::boolean, false)
);

-- name: fleet_seen!
-- When agents were last heard, when their last check came, and how many came.
update agents a
set last_seen = greatest(a.last_seen, u.seen),
    last_check = greatest(a.last_check, u.checked),
    checks = a.checks + u.added
from unnest(:jids::text[], :seens::bigint[], :checkeds::bigint[], :addeds::bigint[]) as u (jid, seen, checked, added)
where a.jid = u.jid;

-- name: fleet_unread!
-- Which keys of an agent's checks are kept unread.
update agents set unread = :keys::text[] where jid = :jid;

-- name: fleet_read_anew!
-- At a start: nothing has been seen yet that this version does not read.
update agents set unread = '{}' where unread <> '{}';

-- name: fleet_uptime!
-- Adds seconds available to agents' days.
insert into agent_days as d (jid, day, up_s)
select u.jid, u.day, u.up_s
from unnest(:jids::text[], :days::date[], :ups::real[]) as u (jid, day, up_s)
where exists (select 1 from agents a where a.jid = u.jid)
on conflict (jid, day) do update set up_s = least(86400, d.up_s + excluded.up_s);

-- name: fleet_messages!
-- Keeps messages, in the order given.
insert into messages (id, sender, recipient, body, thread, metadata, received, stanza, check_id)
select u.id, u.sender, u.recipient, u.body, u.thread, u.metadata, u.received, u.stanza, u.check_id
from unnest(:ids::text[], :senders::text[], :recipients::text[], :bodies::text[], :threads::text[], :metadatas::jsonb[],
        :receiveds::bigint[], :stanzas::text[], :checks::uuid[]) with ordinality
    as u (id, sender, recipient, body, thread, metadata, received, stanza, check_id, n)
order by u.n;
