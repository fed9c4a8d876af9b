-- name: reports_add$
-- Keep a report; its id.
insert into reports (digest, task, owner, realm, purl, ecosystem, name, version, tools, outcome, score, rules, artifacts,
    created, size, document, check_id, rescored)
values (:digest, :task, :owner, :realm, :purl, :ecosystem, :name, :version, :tools, :outcome, :score, :rules, :artifacts,
    :created, :size, :document, :check_id, :rescored)
returning id;

-- name: reports_attach*!
-- Keep what a report lets one download.
insert into attachments values (:report, :digest, :name, :content) on conflict do nothing;

-- name: reports_get^
-- A report, whole.
select * from reports where id = :id;

-- name: reports_by_digest^
-- The report of these bytes.
select * from reports where digest = :digest;

-- name: reports_latest^
-- The newest report of a package version, of those the asker may see.
select * from reports where ecosystem = :ecosystem and name = :name and version = :version and realm = any(:realms)
order by id desc limit 1;

-- name: reports_of
-- The reports of a package, newest first, without their documents; of all packages where none is named.
select id, digest, task, owner, realm, purl, ecosystem, name, version, tools, outcome, score, rules, artifacts, created, size,
    check_id, checked, rescored
from reports
where realm = any(:realms) and (:ecosystem::text is null or ecosystem = :ecosystem)
    and (:name::text is null or name = :name) and (:version::text is null or version = :version)
order by id desc offset :skip limit :most;

-- name: reports_unchecked
-- Reports whose check is not known to be stored.
select * from reports where not checked order by id limit :most;

-- name: reports_checked!
-- Its check is stored.
update reports set checked = true where id = :id;

-- name: reports_attachments
-- What a report lets one download, without content.
select digest, name, length(content) as size from attachments where report = :report order by name;

-- name: reports_attachment^
-- One of them.
select name, content from attachments where report = :report and digest = :digest;
