-- name: upkeep_trial!
-- Write some, to see whether writing works.
insert into write_trial (filler) values (:filler) on conflict (one) do update set filler = excluded.filler;

-- name: upkeep_due
-- The oldest checks a rule lets go of: received before :before, of that type, agent and status where not null.
select seq, id from checks
where payload is not null and kind in ('check', 'report') and received < :before
    and (:type::text is null or type = :type)
    and (:agent::text is null or agent = :agent)
    and (:status::text is null or status = :status)
order by seq limit :most;

-- name: upkeep_kept$
-- How many bytes of payload are kept in all.
select coalesce(sum(size), 0)::bigint from checks where payload is not null and kind in ('check', 'report');

-- name: upkeep_oldest
-- The oldest checks whose payloads make up :bytes together (at least one), at most :most.
select seq, id from (
    select seq, id, sum(size) over (order by seq) - size as before from checks
    where payload is not null and kind in ('check', 'report') order by seq limit :most
) as oldest where before < :bytes;

-- name: upkeep_erase$
-- Forget what these checks said, as erasure_erase does for one; how many there were.
with gone as (
    update checks set payload = null, payload_salt = null, payload_hash = null, detail = '{}', wire = null
    where id = any (:ids::uuid[]) and payload is not null returning seq, id
), talk as (
    update messages set body = '', stanza = '' where check_id in (select id from gone)
), noted as (
    insert into audit (at, who, act, object, detail)
    select :at, :who, 'check.erased', 'check:' || gone.id, jsonb_build_object('reason', :reason::text, 'seq', gone.seq)
    from gone
)
select count(*) from gone;

-- name: upkeep_messages$
-- Forget messages received before :before that carried no check; how many there were.
with gone as (delete from messages where received < :before returning 1) select count(*) from gone;
