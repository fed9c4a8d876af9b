-- name: enrolments_invite!
-- An invitation with what it gives: a name, tags, duties, a site, approval at once.
insert into invitations (hash, created, expires, uses, note, name, tags, duties, site, approve, made_by)
values (:hash, :created, :expires, :uses, :note, :name, :tags::text[], :duties::text[], :site, :approve, :made_by);

-- name: enrolments_good^
-- An invitation that can still be used.
select note, name, tags, duties, site, approve, made_by, uses, expires from invitations
where hash = :hash and uses > 0 and expires > :at;

-- name: enrolments_add!
-- Who came in, by which invitation.
insert into enrolments (jid, invitation, at, address, host, public, version)
values (:jid, :invitation, :at, :address, :host, :public, :version)
on conflict (jid) do update set invitation = excluded.invitation, at = excluded.at, address = excluded.address,
    host = excluded.host, public = excluded.public, version = excluded.version;

-- name: enrolments_agent$
-- The newcomer in the registry, with what its invitation gives; nothing comes back when the name is known already
-- (somebody was shut out under it, or is still in).
insert into agents (jid, state, first_seen, last_seen, duties, tags, site, version)
values (:jid, :state, :at, :at, :duties::text[], :tags::text[], :site, :version)
on conflict (jid) do nothing returning jid;

-- name: enrolments_get^
-- How an agent came in.
select jid, invitation, at, address, host, public, version from enrolments where jid = :jid;

-- name: enrolments_of
-- How these agents came in.
select jid, at, address, host, public, version from enrolments where jid = any (:jids::text[]);
