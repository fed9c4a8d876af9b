-- name: imports_items
-- SCANDALE's items in their order, as the bytes of their JSON: a database without an encoding may hold any.
select id, convert_to(scan_data::text, 'UTF8') as scan_data from items order by id;

-- name: imports_tokens
-- SCANDALE's tokens in their order.
select id, convert_to(scan_uuid::text, 'UTF8') as scan_uuid, tst from time_stamp_tokens order by id;
