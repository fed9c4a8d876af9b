-- name: auditing_rows
-- The records at places :start up to (not with) :stop with all that the audit compares them with, in order.
select c.seq, c.record, c.leaf_hash, c.group_hash, c.payload, c.payload_salt, c.payload_hash, c.id::text, c.kind, c.type,
    c.format, c.agent, c.key_id, c.observed, c.received, c.after, c.signature, c.media, c.size, c.detail::text,
    c.target, c.status,
    c.payload is null and not exists (
        select 1 from audit a where a.object = 'check:' || c.id and a.act = 'check.erased'
    ) as lost
from checks c
where c.seq >= :start and c.seq < :stop
order by c.seq;

-- name: auditing_stamps
-- Every stamp, the oldest first.
select s.id, s.authority, s.start, s.size, s.anchor, s.query, s.response, s.chain, s.gen_time, s.accuracy,
    s.self_asserted, s.revocation
from stamps s
order by s.size, s.id;

-- name: auditing_tiles
-- The tiles of these places, two arrays of one length.
select t.level, t.n, t.hashes
from unnest(:levels::int[], :ns::bigint[]) as w (level, n) join tiles t on t.level = w.level and t.n = w.n;
