-- name: factors_totp^
-- A person's second factor.
select totp, totp_step from people where name = :name;

-- name: factors_set_totp$
-- Another second factor, or none.
update people set totp = :totp, totp_step = :step where name = :name returning name;

-- name: factors_use_step$
-- Take a step's code, once: nothing is answered when it, or a later one, was taken before.
update people set totp_step = :step where name = :name and totp_step < :step returning name;

-- name: factors_by_openid^
-- Who signs in with this issuer and subject.
select name, password, role, created, must_change, disabled, totp is not null as totp, openid
from people where openid = :openid;

-- name: factors_link$
-- Let a person sign in with this issuer and subject.
update people set openid = :openid where name = :name and openid is null returning name;

-- name: searches_of
-- The searches a person kept for a page, by name.
select name, query from saved_searches where person = :person and page = :page order by name;

-- name: searches_keep!
-- Keep a search under a name; one of that name is replaced. A person keeps at most a hundred.
insert into saved_searches (person, page, name, query, created)
select :person, :page, :name, :query, :created
where (select count(*) from saved_searches where person = :person) < 100
on conflict (person, page, name) do update set query = excluded.query;

-- name: searches_forget!
-- Forget one.
delete from saved_searches where person = :person and page = :page and name = :name;
