-- name: updates_tell
-- These agents are to update to these kits, in place of what they were told before; those that are told.
insert into updates (jid, id, version, kits, made_by)
select u.jid, :id, :version, :kits::jsonb, :made_by from unnest(:jids::text[]) as u (jid)
on conflict (jid) do update set id = excluded.id, version = excluded.version, kits = excluded.kits,
    made_by = excluded.made_by, state = 'told', said = ''
where updates.id < excluded.id
returning jid;

-- name: updates_get^
-- What an agent was told, and what it says of it.
select id, version, kits, made_by, state, said from updates where jid = :jid;

-- name: updates_said!
-- What an agent says of the update it was told.
update updates set state = :state, said = :said where jid = :jid and id = :id;
