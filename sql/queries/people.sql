-- name: people_get^
-- One person, with the password's Argon2 hash.
select name, password, role, created, must_change, disabled, totp is not null as totp, openid
from people where name = :name;

-- name: people_all
-- Everybody by name.
select name, role, created, must_change, disabled, totp is not null as totp, openid from people order by name;

-- name: people_lock!
-- Until the transaction ends nobody else changes who the administrators are.
lock table people in share row exclusive mode;

-- name: people_other_admins$
-- How many open administrators there are besides this person.
select count(*) from people where role = 'admin' and not disabled and name <> :name;

-- name: people_add$
-- Make a person where there is none of this name.
insert into people (name, password, role, created, must_change)
values (:name, :password, :role, :created, :must_change)
on conflict (name) do nothing returning name;

-- name: people_set_password$
-- Another password; every session of the person ends.
with gone as (delete from sessions where name = :name)
update people set password = :password, must_change = :must_change where name = :name returning name;

-- name: people_rehash!
-- The same password under newer parameters, unless it was changed meanwhile.
update people set password = :password where name = :name and password = :old;

-- name: people_set_role$
-- Another role; sessions see it at their next request.
update people set role = :role where name = :name returning name;

-- name: people_disable$
-- Let a person in no more, or again; sessions end.
with gone as (delete from sessions where name = :name)
update people set disabled = :disabled where name = :name returning name;

-- name: people_remove$
-- Remove a person with all sessions.
delete from people where name = :name returning name;
