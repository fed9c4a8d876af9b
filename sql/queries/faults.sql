-- name: faults_add$
-- One more fault of the log; null when this source has told it already.
insert into log_faults (kind, position, source, detail, found) values (:kind, :position, :source, :detail, :found)
on conflict (kind, position, source) do nothing
returning n;

-- name: faults_open
-- What is not settled, the earliest position first.
select n, kind, position, source, detail, found, settled from log_faults
where settled is null order by position, n limit :most;

-- name: faults_after
-- What was told after the number :n, in order.
select n, kind, position, source, detail, found, settled from log_faults where n > :n order by n limit :most;

-- name: faults_count$
-- How many are not settled.
select count(*) from log_faults where settled is null;

-- name: faults_settle$
-- Settle one fault, or with a null number all; how many that were open.
with done as (
    update log_faults set settled = :settled
    where settled is null and (:n::bigint is null or n = :n) returning n
)
select count(*) from done;
