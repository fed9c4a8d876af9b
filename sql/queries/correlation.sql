-- name: correlation_look^
-- How far the correlator is, how large the log is, and whether people acted.
select handled, kept, begun, acts, holder, beat, (select size from log_head) as size from correlation;

-- name: correlation_hold^
-- Be, or stay, the one process that correlates: who held it may go on, somebody else once it has been silent for :lease.
update correlation set holder = :holder, beat = :now
where holder in ('', :holder) or beat < :now - :lease::bigint or beat > :now + :lease::bigint
returning handled, kept, begun, acts;

-- name: correlation_release!
-- Correlate no more.
update correlation set holder = '' where holder = :holder;

-- name: correlation_move$
-- The checks below :handled had their say. Nothing where another process holds it now, or moved it.
update correlation set handled = :handled, begun = true where holder = :holder and handled = :before returning handled;

-- name: correlation_kept$
-- The states are those after the checks below :kept, which all had their say.
update correlation set kept = :kept, handled = :kept, begun = true where holder = :holder and handled <= :kept
returning kept;

-- name: correlation_sightings
-- The outlines of checks :start up to (not with) :stop, in log order.
select seq, id, kind, type, agent, coalesce(target, '') as target, coalesce(status, '') as status,
    coalesce(left(detail ->> 'site', 200), '') as site, observed, received, size, encode(payload_hash, 'hex') as payload
from checks where seq >= :start and seq < :stop order by seq;

-- name: correlation_values
-- Of some checks the values at some paths of their detail, as JSON in the order of the paths; what is larger than 4,096
-- characters by its hash.
select c.seq, jsonb_agg(
        case
            when v.value is null then null
            when length(v.value #>> '{}') > 4096
            then to_jsonb('sha256:' || encode(sha256(convert_to(v.value #>> '{}', 'UTF8')), 'hex'))
            else v.value
        end order by p.n) as values
from checks c
cross join unnest(:paths::text[]) with ordinality as p (path, n)
cross join lateral (select c.detail #> p.path::text[] as value) as v
where c.seq = any (:seqs::bigint[])
group by c.seq;

-- name: correlation_since$
-- The first place of the log with a check received at or after :at, looking back over at most :reach checks.
select coalesce(min(seq), (select size from log_head)) from checks
where seq >= (select size from log_head) - :reach::bigint and received >= :at;

-- name: correlation_states
-- Every state kept.
select rule, digest, key, state from correlation_states order by rule;

-- name: correlation_keep!
-- Keep the states of some groups.
insert into correlation_states (rule, digest, key, state)
select u.rule, u.digest, u.key, u.state
from unnest(:rules::text[], :digests::text[], :keys::text[], :states::jsonb[]) as u (rule, digest, key, state)
on conflict (rule, md5(key)) do update set digest = excluded.digest, state = excluded.state;

-- name: correlation_forget!
-- Forget the states of some groups.
delete from correlation_states using unnest(:rules::text[], :keys::text[]) as u (rule, key)
where correlation_states.rule = u.rule and md5(correlation_states.key) = md5(u.key);

-- name: correlation_retain!
-- Forget the states of rules that are gone or mean something else now.
delete from correlation_states s
where not exists (
    select 1 from unnest(:rules::text[], :digests::text[]) as u (rule, digest) where u.rule = s.rule and u.digest = s.digest
);
