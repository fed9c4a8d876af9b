-- name: facts_get$
-- One thing remembered.
select value from facts where name = :name;

-- name: facts_put!
-- Remember or replace one thing.
insert into facts (name, value) values (:name, :value) on conflict (name) do update set value = excluded.value;

-- name: facts_once$
-- Remember a thing if it is not yet; answers what is remembered now (the update only lets the row come back).
insert into facts (name, value) values (:name, :value)
on conflict (name) do update set value = facts.value returning value;
