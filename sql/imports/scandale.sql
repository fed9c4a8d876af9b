-- name: imports_items
-- SCANDALE's items after :after, in their order.
select id, scan_data::text as scan_data from items where id > :after order by id limit :most;

-- name: imports_tokens
-- SCANDALE's tokens after :after, in their order.
select id, scan_uuid::text as scan_uuid, tst from time_stamp_tokens where id > :after order by id limit :most;
