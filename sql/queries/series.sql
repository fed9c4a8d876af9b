-- name: series_before
-- The checks of one probe, type and target before a place of the log, newest first, in outline with the numbers they
-- hold; results and payloads too large to be a few numbers are left out.
select id, seq, observed, status, size, detail -> 'run' ->> 'duration_s' as took, wire is not null as wrapped,
    case when pg_column_size(detail) < 20000 then detail -> 'result' -> 'data' end as data,
    case when size <= 8192 then payload end as payload
from checks
where agent = :agent and type = :type and target = :target and seq <= :seq and seq > :seq - :reach::bigint
order by seq desc limit :most;

-- name: series_before_untargeted
-- The same for checks without a target.
select id, seq, observed, status, size, detail -> 'run' ->> 'duration_s' as took, wire is not null as wrapped,
    case when pg_column_size(detail) < 20000 then detail -> 'result' -> 'data' end as data,
    case when size <= 8192 then payload end as payload
from checks
where agent = :agent and type = :type and target is null and seq <= :seq and seq > :seq - :reach::bigint
order by seq desc limit :most;
