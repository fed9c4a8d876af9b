-- name: checks_store
-- A batch in one round trip and one transaction; see store_checks in the migrations for what it answers.
select id, seq, received, content from store_checks(
    :ids::uuid[], :kinds::text[], :types::text[], :formats::text[], :agents::text[], :key_ids::text[],
    :observeds::bigint[], :receiveds::bigint[], :afters::text[], :signatures::text[], :details::jsonb[],
    :wires::jsonb[], :payloads::bytea[], :medias::text[], :directs::boolean[], :encrypteds::boolean[],
    :records::bytea[], :digests::bytea[]
);

-- name: checks_get^
-- One check by its id, whole.
select seq, id, kind, type, format, agent, key_id, observed, received, after, signature, detail, wire, payload,
    payload_salt, media, size, direct, encrypted, record, leaf_hash, group_hash
from checks where id = :id;

-- name: checks_by_seq^
-- One check by its place in the log, whole.
select seq, id, kind, type, format, agent, key_id, observed, received, after, signature, detail, wire, payload,
    payload_salt, media, size, direct, encrypted, record, leaf_hash, group_hash
from checks where seq = :seq;

-- name: checks_many
-- Some checks by id, whole, in log order.
select seq, id, kind, type, format, agent, key_id, observed, received, after, signature, detail, wire, payload,
    payload_salt, media, size, direct, encrypted, record, leaf_hash, group_hash
from checks where id = any (:ids::uuid[]) order by seq;

-- name: checks_page
-- Checks newest first from below :before, with the filters that are not null; payloads stay where they are (a list shows
-- none). :q is looked for in target, type and agent. The scan ends after :reach checks, so that a filter without an
-- index that fits nothing cannot read a million rows; the caller goes on from there.
select seq, id, kind, type, format, agent, key_id, observed, received, after, signature, detail, wire,
    null::bytea as payload, null::bytea as payload_salt, media, size, direct, encrypted, record, leaf_hash, group_hash
from checks
where seq < :before and seq >= :before - :reach::bigint
    and (:type::text is null or type = :type)
    and (:agent::text is null or agent = :agent)
    and (:target::text is null or target = :target)
    and (:status::text is null or status = :status)
    and (:since::bigint is null or observed >= :since)
    and (:until::bigint is null or observed < :until)
    and (:labels::jsonb is null or (detail ? 'labels' and detail -> 'labels' @> :labels))
    and (:q::text is null
        or position(lower(:q) in lower(coalesce(target, '') || ' ' || type || ' ' || agent)) > 0)
order by seq desc
limit :most;

-- name: checks_items
-- Checks in insertion order, whole; the log has no gaps, so skipping is a place and costs nothing.
select seq, id, kind, type, format, agent, key_id, observed, received, after, signature, detail, wire, payload,
    payload_salt, media, size, direct, encrypted, record, leaf_hash, group_hash
from checks where seq >= :skip order by seq limit :most;

-- name: checks_sizes
-- How many bytes of payload the checks from :skip on hold, in insertion order.
select size from checks where seq >= :skip order by seq limit :most;

-- name: checks_weight$
-- How many bytes of payload some checks hold in all.
select coalesce(sum(size), 0)::bigint from checks where id = any (:ids::uuid[]);

-- name: checks_items_by_payload
-- Checks with one payload, in insertion order, whole; found by the hash of the bytes.
select seq, id, kind, type, format, agent, key_id, observed, received, after, signature, detail, wire, payload,
    payload_salt, media, size, direct, encrypted, record, leaf_hash, group_hash
from checks where payload_hash = :payload_hash order by seq offset :skip limit :most;

-- name: checks_size$
-- How many checks the log holds, kept by store_checks.
select size from log_head;

-- name: checks_leaves
-- The hashes of the checks :start up to (not with) :stop, in log order.
select leaf_hash, group_hash from checks where seq >= :start and seq < :stop order by seq;

-- name: checks_records
-- The records of the checks :start up to (not with) :stop, in log order (an entry bundle).
select record from checks where seq >= :start and seq < :stop order by seq;

-- name: checks_erase$
-- Forget a payload and what would let it be guessed; record and proof stand. Answers the place of the check.
update checks set payload = null, payload_salt = null, payload_hash = null where id = :id returning seq;
