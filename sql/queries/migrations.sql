-- name: migrations_lock$
-- One node at a time brings the schema forward; the lock ends with the transaction.
select pg_advisory_xact_lock(:lock);

-- name: migrations_table!
-- What was applied. It stands outside the migrations, which it counts.
create table if not exists migrations (
    number int primary key,
    name text not null,
    digest text not null,
    applied timestamptz not null default now()
);

-- name: migrations_counted$
-- Whether anything was ever applied here.
select to_regclass('migrations') is not null;

-- name: migrations_applied
-- Every migration this database has seen.
select number, digest from migrations order by number;

-- name: migrations_add!
-- Note one as applied.
insert into migrations (number, name, digest) values (:number, :name, :digest);
