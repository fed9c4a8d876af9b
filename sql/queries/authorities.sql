-- name: authorities_all
-- The authorities added while running, oldest first.
select name, url, roots, policy, min_interval, timeout, username, password, added from authorities order by added, name;

-- name: authorities_open
-- Those whose password lies open.
select name from authorities where password <> '' and password not like 'v1:%';

-- name: authorities_add$
-- One more authority, or the same name with other particulars.
insert into authorities (name, url, roots, policy, min_interval, timeout, username, password, added)
values (:name, :url, :roots::bytea[], :policy, :min_interval, :timeout, :username, :password, :added)
on conflict (name) do update set url = excluded.url, roots = excluded.roots, policy = excluded.policy,
    min_interval = excluded.min_interval, timeout = excluded.timeout, username = excluded.username,
    password = excluded.password
returning name;

-- name: authorities_remove$
-- Ask an authority no more; its stamps stay.
delete from authorities where name = :name returning name;

-- name: authorities_raise$
-- Raise an alert; its number, null when it is raised already.
insert into authority_alerts (rule, authority, severity, detail, raised)
values (:rule, :authority, :severity, :detail, :raised)
on conflict (rule, authority) where resolved is null do nothing
returning n;

-- name: authorities_resolve$
-- An alert is over; its number, null when there is none.
update authority_alerts set resolved = :resolved where rule = :rule and authority = :authority and resolved is null
returning n;

-- name: authorities_alerts
-- Alerts, those that stand first, then the newest.
select n, rule, authority, severity, detail, raised, resolved from authority_alerts
where resolved is null or not :standing::boolean
order by (resolved is null) desc, n desc limit :most;

-- name: authorities_keep!
-- How authorities are doing now.
insert into authority_states (name, status, at)
select s.name, s.status, :at from unnest(:names::text[], :statuses::jsonb[]) as s (name, status)
on conflict (name) do update set status = excluded.status, at = excluded.at;

-- name: authorities_states
-- How each authority was doing when that last changed.
select name, status, at from authority_states order by name;

-- name: authorities_forget!
-- Nobody asks this authority any more.
delete from authority_states where name = :name;
