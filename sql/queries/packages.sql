-- name: packages_remember!
-- Names seen, each with its newest version where that is known. Rows in order of key, so that two writers never deadlock.
insert into package_names (ecosystem, name, latest)
select distinct on (n) :ecosystem, n, v from unnest(:names::text[], :latest::text[]) as seen (n, v) order by n, v
on conflict (ecosystem, name) do update set latest = coalesce(excluded.latest, package_names.latest), last_seen = now()
where package_names.latest is distinct from coalesce(excluded.latest, package_names.latest)
   or package_names.last_seen < now() - interval '1 hour';

-- name: packages_remember_versions!
-- Versions seen of one package.
insert into package_versions (ecosystem, name, version, published)
select :ecosystem, :name, v, p from unnest(:versions::text[], :published::timestamptz[]) as seen (v, p) order by v
on conflict (ecosystem, name, version) do nothing;

-- name: packages_by_prefix
-- Names that begin so, in order; the exact one comes first by itself.
select name, latest from package_names
where ecosystem = :ecosystem and search >= :low and search < :high order by search limit :limit;

-- name: packages_by_part
-- Names that hold the text further in: by trigrams, then the text itself. Not ordered, so that it may stop early.
select name, latest from package_names
where ecosystem = :ecosystem and grams @> :grams::int[] and position(:part in search) > 1 limit :limit;

-- name: packages_scan
-- The same for a text whose trigrams are all so common that reading on until enough are found is faster.
select name, latest from (
    select name, latest, search from package_names where ecosystem = :ecosystem offset 0 limit :most
) as first_ones where position(:part in search) > 1 limit :limit;

-- name: packages_like
-- Candidates for a misspelt name: those that share a trigram, of about its length. The order is there so that all of the
-- few are read by the index: with a limit alone the planner may read the table until it has enough.
select name, latest from package_names
where ecosystem = :ecosystem and grams && :grams::int[] and length(search) between :shortest and :longest
order by abs(length(search) - :length) limit :limit;

-- name: packages_common_grams
-- The trigrams that stand in many names, with how often (PostgreSQL's own statistics).
select most_common_elems::text::int[] as grams, most_common_elem_freqs as shares
from pg_stats where schemaname = current_schema() and tablename = 'package_names' and attname = 'grams';

-- name: packages_versions_of
-- Known versions of these packages.
select name, array_agg(version order by seen, version) as versions from package_versions
where ecosystem = :ecosystem and name = any(:names::text[]) group by name;

-- name: packages_count
-- How many names are known, by ecosystem.
select ecosystem, count(*) as names from package_names group by ecosystem;

-- name: documents_get^
-- A registry's document as kept.
select url, status, body, media, etag, last_modified, fetched from registry_documents where url = :url;

-- name: documents_keep!
-- Keep or confirm a document.
insert into registry_documents (url, status, media, etag, last_modified, fetched, body)
values (:url, :status, :media, :etag, :last_modified, :fetched, :body)
on conflict (url) do update set status = excluded.status, media = excluded.media, etag = excluded.etag,
    last_modified = excluded.last_modified, fetched = excluded.fetched, body = excluded.body;

-- name: documents_confirm!
-- The registry said that nothing changed.
update registry_documents set fetched = :fetched where url = :url;

-- name: documents_tidy!
-- Forget what was not asked for since.
delete from registry_documents where fetched < :before;

-- name: feeds_get^
-- Where an ecosystem's feed stands.
select cursor, polled, found, error from feeds where ecosystem = :ecosystem;

-- name: feeds_put!
-- The feed was polled.
insert into feeds (ecosystem, cursor, polled, found, error) values (:ecosystem, :cursor, now(), :found, :error)
on conflict (ecosystem) do update set cursor = excluded.cursor, polled = now(),
    found = feeds.found + excluded.found, error = excluded.error;

-- name: feeds_list
-- All feeds, for the page.
select ecosystem, cursor, polled, found, error from feeds order by ecosystem;

-- name: watches_add<!
-- Watch a package; the same again changes its priority.
insert into watches (ecosystem, name, priority, owner) values (:ecosystem, :name, :priority, :owner)
on conflict (ecosystem, name, owner) do update set priority = excluded.priority
returning id, ecosystem, name, priority, owner, created, primed, polled, error;

-- name: watches_remove$
-- Stop watching.
delete from watches where id = :id and (:owner::text is null or owner = :owner) returning id;

-- name: watches_list
-- What is watched, oldest first.
select id, ecosystem, name, priority, owner, created, primed, polled, error from watches
where :owner::text is null or owner = :owner order by id;

-- name: watches_unseen
-- Which of these versions this watch has not met.
select v as version from unnest(:versions::text[]) as seen (v)
where not exists (select from watch_versions where watch = :watch and name = :name and version = v);

-- name: watches_seen!
-- These versions are dealt with.
insert into watch_versions (watch, name, version, task)
select :watch, :name, v, :task from unnest(:versions::text[]) as seen (v) where exists (select from watches where id = :watch)
on conflict (watch, name, version) do nothing;

-- name: watches_polled!
-- The watch was looked after.
update watches set polled = now(), primed = primed or :primed, error = :error where id = :id;

-- name: watches_history
-- What a watch led to, newest first.
select name, version, seen, task from watch_versions where watch = :watch and task is not null
order by seen desc limit :limit;
