-- name: snapshots_export$
-- What other connections name this transaction's moment by.
select pg_export_snapshot();
