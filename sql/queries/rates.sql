-- name: rates_take^
-- Take uses of a metered route out of the owner's window; nothing waits for the disk, a crash of PostgreSQL may forget
-- the last fraction of a second.
select r.taken, r.remaining, r.freed, r.clock
from set_config('synchronous_commit', 'off', true) as quick, take_rate(:owner, :most, :wanted, :span) as r;
