-- Upkeep: a row to try whether the disk takes writes again, and what retention has to look through.

-- One row, written anew only while a write was refused: its filler goes through the write-ahead log and takes pages.
create table write_trial (one boolean primary key default true check (one), filler bytea not null);
alter table write_trial alter column filler set storage external;

-- What still holds a payload, oldest first: retention and quota go through it without reading what was erased long ago.
create index checks_kept on checks (seq) where payload is not null and kind in ('check', 'report');
