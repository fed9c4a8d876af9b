-- name: cosignatures_witness$
-- The key under which a witness is known, this one where it is new.
with given as (
    insert into witnesses (name, vkey, kind, first_seen) values (:name, :vkey, :kind, :first_seen)
    on conflict (name) do nothing returning vkey
)
select vkey from given union all select vkey from witnesses where name = :name limit 1;

-- name: cosignatures_add!
-- One more cosignature of a checkpoint; the first of a witness stays.
insert into cosignatures (size, witness, line, at) values (:size, :witness, :line, :at) on conflict do nothing;

-- name: cosignatures_of
-- The cosignatures of the checkpoints of these sizes.
select c.size, c.witness, w.vkey, w.kind, c.line, c.at
from cosignatures c join witnesses w on w.name = c.witness
where c.size = any(:sizes::bigint[]) order by c.size, c.witness;

-- name: cosignatures_newest
-- Each witness with the newest checkpoint it cosigned; none yet has null.
select w.name as witness, w.vkey, w.kind, c.size, c.line, c.at
from witnesses w left join lateral (
    select * from cosignatures x where x.witness = w.name order by x.size desc limit 1
) c on true
order by w.name;
