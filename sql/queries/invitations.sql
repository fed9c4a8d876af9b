-- name: invitations_add!
-- A new invitation, good for :uses accounts until :expires.
insert into invitations (hash, created, expires, uses, note) values (:hash, :created, :expires, :uses, :note);

-- name: invitations_redeem$
-- Use up one of an invitation's uses; nothing comes back when it is not good (any more).
update invitations set uses = uses - 1, last_used = :at, last_name = :name
where hash = :hash and uses > 0 and expires > :at
returning uses;

-- name: invitations_all
-- Invitations that are still good, newest first.
select hash, created, expires, uses, note, last_used, last_name from invitations
where uses > 0 and expires > :at order by created desc limit 200;

-- name: invitations_end!
-- Take an invitation back, and forget those that ended a month ago.
delete from invitations where hash = :hash or greatest(expires, coalesce(last_used, 0)) < :at - 2592000000000;
