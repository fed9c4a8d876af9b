-- name: proofs_checkpoint_add!
-- One more signed tree head.
insert into checkpoints (size, start, root, group_root, note, sealed)
values (:size, :start, :root, :group_root, :note, :sealed);

-- name: proofs_checkpoint_note!
-- A note with more signatures: witnesses sign later.
update checkpoints set note = :note where size = :size;

-- name: proofs_tiles_put!
-- The tiles a checkpoint changed; a partial one is replaced by its fuller self.
insert into tiles (level, n, hashes)
select * from unnest(:levels::int[], :ns::bigint[], :hashes::bytea[])
on conflict (level, n) do update set hashes = excluded.hashes;

-- name: proofs_notes
-- The notes of checkpoints, by size.
select size, note from checkpoints where size > :after order by size limit :most;

-- name: proofs_notes_put!
-- Notes with more signatures on them: the text they sign stays as it is, else nothing is changed.
update checkpoints c set note = n.note
from unnest(:sizes::bigint[], :notes::text[]) as n (size, note)
where c.size = n.size and note_hash(c.note) = note_hash(n.note);

-- name: proofs_checkpoint_latest^
-- The newest tree head.
select size, start, root, group_root, note, sealed from checkpoints order by size desc limit 1;

-- name: proofs_checkpoint^
-- The tree head of exactly this size.
select size, start, root, group_root, note, sealed from checkpoints where size = :size;

-- name: proofs_checkpoint_covering^
-- The first tree head that contains this place of the log.
select size, start, root, group_root, note, sealed from checkpoints where size > :seq order by size limit 1;

-- name: proofs_checkpoint_named^
-- The tree head whose text has this SHA-256 (what a record's `after` holds).
select size, start, root, group_root, note, sealed from checkpoints where note_hash(note) = :hash;

-- name: proofs_checkpoints
-- The tree heads that added the records :start up to :stop, in order.
select size, start, root, group_root, note, sealed from checkpoints
where size > :start and size <= :stop order by size;

-- name: proofs_tile$
-- One tile above the leaves: up to 256 hashes of 32 bytes.
select hashes from tiles where level = :level and n = :n;

-- name: proofs_stamp_add$
-- One more verified token over a checkpoint; nothing when this authority has stamped this size already.
insert into stamps (authority, start, size, anchor, query, response, chain, gen_time, accuracy, self_asserted, revocation)
values (:authority, :start, :size, :anchor, :query, :response, :chain, :gen_time, :accuracy, :self_asserted,
    :revocation)
on conflict (authority, size) do nothing
returning id;

-- name: proofs_captured_add!
-- Statements about revocation, each kept once by its SHA-256.
insert into captured (digest, data)
select c.digest, c.data from unnest(:digests::bytea[], :contents::bytea[]) as c (digest, data)
on conflict (digest) do nothing;

-- name: proofs_captured
-- What was captured with one stamp, by name.
select r.key as name, c.data
from stamps s, jsonb_each_text(s.revocation) r join captured c on c.digest = decode(r.value, 'hex')
where s.id = :id;

-- name: proofs_stamp_latest^
-- An authority's newest stamp.
select id, authority, start, size, anchor, query, response, chain, gen_time, accuracy, self_asserted, revocation
from stamps where authority = :authority order by size desc limit 1;

-- name: proofs_stamp^
-- One stamp by its number.
select id, authority, start, size, anchor, query, response, chain, gen_time, accuracy, self_asserted, revocation
from stamps where id = :id;

-- name: proofs_stamp_at^
-- An authority's stamp over a tree of this size.
select id, authority, start, size, anchor, query, response, chain, gen_time, accuracy, self_asserted, revocation
from stamps where authority = :authority and size = :size;

-- name: proofs_stamps_for
-- For each authority the first stamp that covers this place of the log: an authority's stamps follow each other without
-- a gap, so that is the one stamp whose range holds it.
with recursive names (authority) as (
    (select s.authority from stamps s order by s.authority limit 1)
    union all
    select (select s.authority from stamps s where s.authority > names.authority order by s.authority limit 1)
    from names where names.authority is not null
)
select s.id, s.authority, s.start, s.size, s.anchor, s.query, s.response, s.chain, s.gen_time, s.accuracy,
    s.self_asserted, s.revocation
from names
cross join lateral (
    select * from stamps t where t.authority = names.authority and t.size > :seq order by t.size limit 1
) s
where names.authority is not null
order by s.authority;

-- name: proofs_stamps_below
-- Each authority's newest stamps over trees smaller than :size, at most :most of each.
with recursive names (authority) as (
    (select s.authority from stamps s order by s.authority limit 1)
    union all
    select (select s.authority from stamps s where s.authority > names.authority order by s.authority limit 1)
    from names where names.authority is not null
)
select s.id, s.authority, s.start, s.size, s.anchor, s.query, s.response, s.chain, s.gen_time, s.accuracy,
    s.self_asserted, s.revocation
from names
cross join lateral (
    select * from stamps t where t.authority = names.authority and t.size < :size order by t.size desc limit :most
) s
where names.authority is not null;

-- name: proofs_stamped$
-- How many checks at least one authority has stamped: everything below the newest stamp.
select coalesce((select size from stamps order by size desc limit 1), 0);

-- name: proofs_token_add!
-- A check's own token (the SCANDALE way); the first one stays.
insert into tokens (check_id, token, gen_time, accuracy, tsa, stored)
values (:check_id, :token, :gen_time, :accuracy, :tsa, :stored)
on conflict (check_id) do nothing;

-- name: proofs_token^
-- A check's own token.
select n, check_id, token, gen_time, accuracy, tsa, stored from tokens where check_id = :check_id;

-- name: proofs_tokens
-- Own tokens in insertion order.
select n, check_id, token, gen_time, accuracy, tsa, stored from tokens order by n offset :skip limit :most;
