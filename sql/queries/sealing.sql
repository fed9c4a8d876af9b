-- name: sealing_ids
-- The ids of the checks :start up to (not with) :stop, in log order.
select id from checks where seq >= :start and seq < :stop order by seq;

-- name: sealing_add$
-- One more checkpoint with the tiles it changed, in one statement; its records have to be stored, and it has to begin
-- where the newest one ends: else nothing is kept and the answer is null (or a unique violation in a race).
with head as (
    select :start::bigint as start
    where :start = coalesce((select size from checkpoints order by size desc limit 1), 0)
        and :size <= (select size from log_head)
), put as (
    insert into tiles (level, n, hashes)
    select t.level, t.n, t.hashes
    from head, unnest(:levels::int[], :ns::bigint[], :hashes::bytea[]) as t (level, n, hashes)
    on conflict (level, n) do update set hashes = excluded.hashes
)
insert into checkpoints (size, start, root, group_root, note, sealed)
select :size, head.start, :root, :group_root, :note, :sealed from head
returning size;

-- name: sealing_direct
-- Checks from :start on that want a token of their own and have none, in log order; what was erased cannot have one.
select c.seq, c.id, c.payload from checks c
where c.direct and c.seq >= :start and c.payload is not null
    and not exists (select 1 from tokens t where t.check_id = c.id)
order by c.seq limit :most;
