-- name: tree_tiles
-- The tiles at these places in one answer: the leaves (level 0) of a tree of :size records, or the hashes kept above.
select w.level, w.n, case
        when t.hashes is null and w.level = 0 then (
            select string_agg(c.leaf_hash, ''::bytea order by c.seq) from checks c
            where c.seq >= w.n * 256 and c.seq < least(w.n * 256 + 256, :size)
        )
        else t.hashes
    end as hashes
from unnest(:levels::int[], :ns::bigint[]) as w (level, n)
left join tiles t on t.level = w.level and t.n = w.n;
