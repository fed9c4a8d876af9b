-- name: agents_get^
-- One agent.
select jid, state, duties, tags, site, version, first_seen, last_seen, last_check, behaviours, unread from agents where jid = :jid;

-- name: agents_page
-- Agents by name from :after on.
select jid, state, duties, tags, site, version, first_seen, last_seen, last_check, behaviours, unread
from agents
where jid > :after
    and (:state::text is null or state = :state)
    and (:duty::text is null or :duty = any (duties))
    and (:tag::text is null or :tag = any (tags))
    and (:q::text is null or position(lower(:q) in jid || ' ' || site) > 0)
    and (:only::text[] is null or jid = any (:only))
order by jid limit :most;

-- name: agents_seen^
-- Note that an agent was seen; one never seen before becomes a row in :state. Answers its state, and whether it is new.
insert into agents (jid, state, first_seen, last_seen) values (:jid, :state, :at, :at)
on conflict (jid) do update set last_seen = greatest(agents.last_seen, excluded.last_seen)
returning state, xmax = 0 as new;

-- name: agents_set_state$
-- Approve or revoke, also an agent never seen.
insert into agents (jid, state, first_seen, last_seen) values (:jid, :state, :at, 0)
on conflict (jid) do update set state = excluded.state
returning state;

-- name: agents_describe!
-- What an agent says of itself; null leaves what is there.
update agents set
    duties = coalesce(:duties::text[], duties),
    tags = coalesce(:tags::text[], tags),
    site = coalesce(:site::text, site),
    version = coalesce(:version::text, version)
where jid = :jid;

-- name: agents_behaviours!
-- The behaviours an agent reports, whole.
update agents set behaviours = :behaviours where jid = :jid;

-- name: agents_count_checks!
-- Add to the counters of several agents at once.
update agents set checks = agents.checks + u.added, last_check = greatest(agents.last_check, u.last)
from unnest(:jids::text[], :addeds::bigint[], :lasts::bigint[]) as u (jid, added, last)
where agents.jid = u.jid;

-- name: agents_checks$
-- How many checks an agent has delivered.
select checks from agents where jid = :jid;

-- name: agents_up!
-- Add to the seconds an agent was available on a day.
insert into agent_days (jid, day, up_s)
select u.jid, u.day, u.up_s from unnest(:jids::text[], :days::date[], :seconds::real[]) as u (jid, day, up_s)
join agents on agents.jid = u.jid
on conflict (jid, day) do update set up_s = least(86400, agent_days.up_s + excluded.up_s);

-- name: agents_days
-- Up-time of one agent from a day on, in seconds a day.
select day, up_s from agent_days where jid = :jid and day >= :since order by day;

-- name: agents_newer
-- What agents newer than this server add to their checks: key by key, the commonest first.
select key, count(*) as agents from agents, unnest(unread) as key group by key order by agents desc, key limit 20;
