-- name: leading_try$
-- Take the lead, for as long as this connection lives, if nobody has it.
select pg_try_advisory_lock(5069, 2);

-- name: leading_beat!
-- Say that whoever leads is alive.
insert into leader values (true, :node, now_us()) on conflict (one) do update set node = excluded.node, beat = excluded.beat;

-- name: leading_evict
-- End the connection of a leader that has not said for :patience microseconds that it is alive.
select pg_terminate_backend(l.pid) as ended from pg_locks l
where l.locktype = 'advisory' and l.classid = 5069 and l.objid = 2 and l.objsubid = 2 and l.granted
    and l.database = (select oid from pg_database where datname = current_database())
    and exists (select from leader where abs(now_us() - beat) > :patience::bigint);

-- name: leading_node$
-- Who leads, or led last.
select node from leader;
