-- Equal payloads are the rule ("pong"): a hash index walks the whole chain of equals at each insert (at 50,000 of them
-- storing was five times slower), a B-tree folds them, and gives them in log order besides.
drop index checks_payload;
create index checks_payload on checks (payload_hash, seq);

-- One line of checkpoints: each begins where another ended, and no two begin at the same place. A second sealer on the
-- same log, another process, is refused here whatever it believed.
create unique index checkpoints_start on checkpoints (start);

-- Checks that want a token of their own and may not have it yet.
create index checks_direct on checks (seq) where direct;

-- The function's plans are made while the table is small and kept: without this a start on an empty database reads the
-- whole table for every batch until the first ANALYZE (five times slower at 40,000 rows, and growing).
alter function store_checks set enable_seqscan = off;
alter function store_checks set enable_hashjoin = off;
alter function store_checks set enable_mergejoin = off;
