-- name: signing_all
-- The keys of all agents.
select agent, key_id, public, state, previous, offered, changed from agent_keys order by agent, offered, key_id;

-- name: signing_get^
-- One key of an agent.
select agent, key_id, public, state, previous, offered, changed from agent_keys
where agent = :agent and key_id = :key_id;

-- name: signing_offer$
-- One more key of an agent; null when it is known.
insert into agent_keys (agent, key_id, public, state, previous, offered, changed)
values (:agent, :key_id, :public, 'offered', :previous, :at, :at)
on conflict (agent, key_id) do nothing
returning key_id;

-- name: signing_move
-- Keys of an agent take another state, each change an event: :key_id alone, or every key that is in one of :states.
with moved as (
    update agent_keys k set state = :state, changed = :at
    where k.agent = :agent and (k.key_id = :key_id or :key_id is null) and k.state = any (:states::text[])
    returning k.agent, k.key_id, k.public, k.previous
)
insert into key_events (kind, subject, key_id, event, detail, at)
select 'probe', m.agent, m.key_id, :state,
    jsonb_strip_nulls(jsonb_build_object('public', encode(m.public, 'hex'), 'previous', nullif(m.previous, ''),
        'by', nullif(:by, ''))), :at
from moved m
returning key_id;

-- name: signing_of_revoked
-- Agents that are shut out and have keys in force.
select distinct k.agent from agent_keys k join agents a on a.jid = k.agent
where a.state = 'revoked' and k.state in ('offered', 'enrolled');

-- name: signing_event$
-- A change of a key of the house itself.
insert into key_events (kind, subject, key_id, event, detail, at)
values (:kind, :subject, :key_id, :event, :detail, :at) returning n;

-- name: signing_unlogged
-- Changes that are no record of the log yet, in order.
select n, kind, subject, key_id, event, detail, at from key_events where record is null order by n limit 100;

-- name: signing_logged!
-- A change stands in the log now.
update key_events set record = :record where n = :n;

-- name: signing_history
-- All changes, newest first.
select n, kind, subject, key_id, event, detail, at, record from key_events
where (:subject::text is null or subject = :subject) order by n desc limit :most;
