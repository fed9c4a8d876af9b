-- name: renewals_chains
-- Each chain of certificates that stamps came with, by a hash, with the number of one such stamp.
with recursive names (hash) as (
    (select chain_hash(s.chain) from stamps s order by chain_hash(s.chain) limit 1)
    union all
    select (select chain_hash(s.chain) from stamps s where chain_hash(s.chain) > names.hash
        order by chain_hash(s.chain) limit 1)
    from names where names.hash is not null
)
select names.hash, (select s.id from stamps s where chain_hash(s.chain) = names.hash order by s.id limit 1) as stamp
from names where names.hash is not null;

-- name: renewals_examples
-- The responses and chains of these stamps.
select s.id, s.response, s.chain from stamps s where s.id = any (:stamps::bigint[]);

-- name: renewals_due
-- The stamps with one of these chains that no renewal good beyond :horizon covers, in order.
select s.id, s.response
from stamps s
where chain_hash(s.chain) = any (:chains::bytea[]) and not exists (
    select 1 from renewed d join renewals r on r.id = d.renewal where d.stamp = s.id and r.good_until > :horizon
)
order by s.id;

-- name: renewals_of
-- The renewals of these stamps, in order.
select d.stamp, d.place, r.id, r.kind, r.digest, r.response, r.good_until
from renewed d join renewals r on r.id = d.renewal
where d.stamp = any (:stamps::bigint[]) order by d.stamp, r.id;

-- name: renewals_add$
-- One more renewal with the stamps it covers, in order of their places.
with added as (
    insert into renewals (kind, digest, authority, data, query, response, chain, gen_time, accuracy, self_asserted,
        good_until, revocation, leaves, above)
    values (:kind, :digest, :authority, :data, :query, :response, :chain::bytea[], :gen_time, :accuracy, :self_asserted,
        :good_until, :revocation, :leaves, :above)
    returning id
), placed as (
    insert into renewed (stamp, renewal, place)
    select s.stamp, added.id, s.place - 1 from added, unnest(:stamps::bigint[]) with ordinality as s (stamp, place)
), hashed as (
    insert into rehashed (renewal, stamp, hashes)
    select added.id, h.stamp, h.hashes from added, unnest(:stamps::bigint[], :hashes::bytea[]) as h (stamp, hashes)
    where h.hashes is not null
)
select id from added;

-- name: renewals_for
-- The renewals of one stamp, whole, in order.
select r.id, r.kind, r.digest, r.authority, r.data, r.query, r.response, r.chain, r.gen_time, r.accuracy, r.self_asserted,
    r.good_until, r.leaves, r.above, d.place, h.hashes
from renewed d join renewals r on r.id = d.renewal
left join rehashed h on h.renewal = r.id and h.stamp = d.stamp
where d.stamp = :stamp order by r.id;

-- name: renewals_brief
-- What renewed these stamps, in short.
select distinct r.id, r.kind, r.digest, r.authority, r.gen_time, r.self_asserted, r.good_until
from renewed d join renewals r on r.id = d.renewal
where d.stamp = any (:stamps::bigint[]) order by r.id;

-- name: renewals_captured
-- What was captured of revocation with one renewal, by name.
select e.key as name, c.data
from renewals r, jsonb_each_text(r.revocation) e join captured c on c.digest = decode(e.value, 'hex')
where r.id = :id;

-- name: renewals_stamps
-- All stamps of all series, in order.
select s.id, s.authority, s.start, s.size, s.anchor, s.query, s.response, s.chain, s.gen_time, s.accuracy,
    s.self_asserted, s.revocation
from stamps s order by s.id;

-- name: renewals_newest
-- The newest renewals, for a page.
select r.id, r.kind, r.digest, r.authority, r.gen_time, r.self_asserted, r.good_until,
    (select count(*) from renewed d where d.renewal = r.id) as stamps
from renewals r order by r.id desc limit :most;
