-- name: overview_log_sizes_at(times)
-- How many checks the log held at each of :times (ascending microseconds), by bisection over seq: no index on time is
-- needed, a million checks cost twenty reads a moment. Received times ascend but for the width of one commit.
select b.t as at, s.seq as size
from unnest(:times::bigint[]) with ordinality as b (t, n)
cross join lateral (
    with recursive search (lo, hi) as (
        select 0::bigint, (select h.size from log_head h)
        union all
        select
            case when c.received < b.t then m.mid + 1 else search.lo end,
            case when c.received < b.t then search.hi else m.mid end
        from search
        cross join lateral (select (search.lo + search.hi) / 2 as mid) m
        join checks c on c.seq = m.mid
        where search.lo < search.hi
    )
    select search.lo as seq from search where search.lo >= search.hi limit 1
) s
order by b.n;

-- name: overview_stamped_at(times)
-- How many checks were stamped by some authority at each of :times, by bisection over the stamps' ids: the largest size
-- among the eight stamps before that moment (authorities are few, their stamps interleave).
select b.t as at, coalesce(s.size, 0) as size
from unnest(:times::bigint[]) with ordinality as b (t, n)
cross join lateral (
    with recursive search (lo, hi) as (
        select 1::bigint, coalesce((select max(id) from stamps), 0) + 1
        union all
        select
            case when m.gen_time < b.t then m.id + 1 else search.lo end,
            case when m.gen_time < b.t then search.hi else least(m.mid, search.hi - 1) end
        from search
        cross join lateral (select (search.lo + search.hi) / 2 as mid) h
        cross join lateral (
            select h.mid, s.id, s.gen_time from stamps s where s.id >= h.mid order by s.id limit 1
        ) m
        where search.lo < search.hi
    )
    select (
        select max(last.size)
        from (select s.size from stamps s where s.id < found.lo order by s.id desc limit 8) last
    ) as size
    from (select search.lo from search where search.lo >= search.hi limit 1) found
) s
order by b.n;

-- name: overview_newest_checks(most)
-- The newest checks, without payload and record.
select seq, id, kind, type, agent, target, status, observed, received, size, media
from checks order by seq desc limit :most;

-- name: overview_heads()^
-- How far the log has come: checks stored, sealed, and when the last checkpoint was made.
select h.size as stored, coalesce(c.size, 0) as sealed, c.sealed as sealed_at
from log_head h left join lateral (select size, sealed from checkpoints order by size desc limit 1) c on true;

-- name: overview_stamp_heads()
-- The newest stamp of each authority, by a loose scan over (authority, size).
with recursive names (authority) as (
    (select s.authority from stamps s order by s.authority limit 1)
    union all
    select (select s.authority from stamps s where s.authority > names.authority order by s.authority limit 1)
    from names where names.authority is not null
)
select s.authority, s.size, s.start, s.gen_time, s.accuracy, s.self_asserted
from names
cross join lateral (
    select * from stamps s where s.authority = names.authority order by s.size desc limit 1
) s
where names.authority is not null;

-- name: overview_newest_stamps(before, most)
-- Stamps, newest first, with when their checkpoint was sealed.
select s.id, s.authority, s.start, s.size, s.gen_time, s.accuracy, s.self_asserted, c.sealed
from stamps s join checkpoints c on c.size = s.size
where :before::bigint is null or s.id < :before
order by s.id desc limit :most;

-- name: overview_newest_checkpoints(before, most)
-- Checkpoints, newest first, with the authorities that stamped exactly them.
select c.size, c.start, c.root, c.sealed,
    (select coalesce(array_agg(s.authority order by s.authority), '{}') from stamps s where s.size = c.size) as authorities
from checkpoints c
where :before::bigint is null or c.size < :before
order by c.size desc limit :most;

-- name: overview_agent_outline(most)
-- Every agent in a line: enough for the overview's marks.
select jid, state, first_seen, last_seen, last_check,
    jsonb_path_exists(behaviours, '$[*].last_error ? (@ != null && @ != "")') as troubled
from agents order by jid limit :most;

-- name: overview_agent_list(after, state, duty, tag, q, only, most)
-- Agents by name from :after on; null filters take all. :only names them (for "available" and such), null is all.
select * from agents
where jid > :after
    and (:state::text is null or state = :state)
    and (:duty::text is null or :duty = any (duties))
    and (:tag::text is null or :tag = any (tags))
    and (:q::text is null or position(lower(:q) in jid || ' ' || site) > 0)
    and (:only::text[] is null or jid = any (:only))
order by jid limit :most;

-- name: overview_newcomers(most)
-- Agents that wait for approval, in the order in which they came: who comes now stands last, and moves nobody.
select * from agents where state = 'pending' order by first_seen, jid limit :most;

-- name: overview_agent_choices(most)
-- The approved agents by name, with what a job may choose them by.
select jid, duties, tags, site from agents where state = 'approved' order by jid limit :most;

-- name: overview_agent_strips(jids, days)
-- Up-time of some agents over their last :days days, in seconds a day.
select jid, day, up_s from agent_days
where jid = any (:jids::text[]) and day > current_date - :days::int
order by jid, day;

-- name: overview_agent_messages(jid, before, most)
-- The messages an agent sent or got, newest first.
select * from (
    (select * from messages where sender = :jid and (:before::bigint is null or n < :before) order by n desc limit :most)
    union
    (select * from messages where recipient = :jid and (:before::bigint is null or n < :before) order by n desc limit :most)
) m order by n desc limit :most;

-- name: overview_stamp_waits(most)
-- The newest stamps, with how long the oldest record each covers had waited since it was received (microseconds).
select s.authority, s.gen_time, s.size - s.start as records, s.gen_time - c.received as waited
from (select * from stamps order by id desc limit :most) s
join checks c on c.seq = s.start
order by s.id;
