-- name: keys_add!
-- A new key; only the SHA-256 of its text is kept.
insert into keys (id, name, prefix, hash, scopes, rate, created, expires, owner)
values (:id, :name, :prefix, :hash, :scopes, :rate, :created, :expires, :lineage);

-- name: keys_find^
-- The key of a prefix while it is good.
select id, name, prefix, hash, scopes, rate, created, expires, revoked, last_used, owner as lineage
from keys where prefix = :prefix and revoked is null and (expires is null or expires > :now);

-- name: keys_used!
-- Note when a key was used; at most once a minute, so that reading does not become writing.
update keys set last_used = :at::bigint where id = :id and (last_used is null or last_used < :at::bigint - 60000000);

-- name: keys_all
-- Every key, newest first.
select id, name, prefix, scopes, rate, created, expires, revoked, last_used, owner as lineage
from keys order by created desc, id;

-- name: keys_revoke$
-- End a key, named by its id or its prefix, now. Nothing comes back when it was no living key.
update keys set revoked = :at
where revoked is null and (id = :id::uuid or prefix = :prefix::text)
returning prefix;

-- name: keys_end!
-- Let a key end at a time, unless it ends sooner.
update keys set expires = :at::bigint where id = :id and (expires is null or expires > :at::bigint);

-- name: keys_forget!
-- Take away one key of a name, and those of that name that have ended.
delete from keys where name = :name and (id = :id::uuid or revoked is not null or expires < :at);
