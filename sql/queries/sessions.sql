-- name: sessions_open!
-- A session known by the hash of its token; those that have ended are swept.
with swept as (delete from sessions where expires < :created)
insert into sessions (token_hash, name, csrf, created, expires, half, source, client, seen)
values (:token_hash, :name, :csrf, :created, :expires, :half, :source, :client, :created);

-- name: sessions_get^
-- A session that lives and is whole, with its person.
select s.handle, s.name, s.csrf, s.created, s.expires, s.seen, p.role, p.must_change
from sessions s join people p on p.name = s.name
where s.token_hash = :token_hash and s.expires > :now and not s.half and not p.disabled;

-- name: sessions_half^
-- A session whose second factor is awaited, with what the code is judged by.
select s.name, p.totp, p.totp_step, p.must_change
from sessions s join people p on p.name = s.name
where s.token_hash = :token_hash and s.expires > :now and s.half and not p.disabled;

-- name: sessions_close!
-- End one session.
delete from sessions where token_hash = :token_hash;

-- name: sessions_seen!
-- When a session was last used.
update sessions set seen = :now::bigint where token_hash = :token_hash and seen < :now::bigint - 60000000;

-- name: sessions_of
-- The living sessions of a person, or of everybody, newest first.
select handle, name, created, expires, seen, source, client
from sessions where expires > :now and not half and (:name::text is null or name = :name)
order by created desc limit :most;

-- name: sessions_end$
-- End a session by its handle; of this person only, where one is named.
delete from sessions where handle = :handle and (:name::text is null or name = :name) returning name;

-- name: sessions_end_others!
-- End a person's sessions but this one; all where none is given.
delete from sessions where name = :name and (:handle::uuid is null or handle <> :handle);
