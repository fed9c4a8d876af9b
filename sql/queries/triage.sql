-- name: triage_put!
-- Keep a person's word on a finding; the newest word holds.
insert into triage (package, finding, state, reason, by, until)
values (:package, :finding, :state, :reason, :by, :until)
on conflict (package, finding) do update
set state = excluded.state, reason = excluded.reason, by = excluded.by, until = excluded.until, made = now();

-- name: triage_of
-- The words on a package's findings, newest first.
select package, finding, state, reason, by, made, until from triage where package = :package order by made desc;

-- name: triage_all
-- All words there are, newest first.
select package, finding, state, reason, by, made, until from triage order by made desc limit :most;

-- name: triage_drop<!
-- Take a word back; answers the finding, nothing when there was none.
delete from triage where package = :package and finding = :finding returning finding;
