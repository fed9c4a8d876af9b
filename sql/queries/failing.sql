-- name: failing_page(status, agent, q, critical, before, most)
-- What fails now and nobody let go of, critical before warning, newest first; after the row (:critical, :before) where
-- given. What a revoked agent said last is not what is wrong now.
with shown as (
    select f.series, f.agent, f.type, f.target, f.status, f.first, f.last, f.times
    from failing_now() f
    where (f.let_go is null or f.let_go < f.last)
        and not exists (select 1 from agents a where a.jid = f.agent and a.state = 'revoked')
        and (:status::text is null or f.status = :status)
        and (:agent::text is null or f.agent = :agent)
        and (:q::text is null
            or position(lower(:q) in lower(f.agent || ' ' || f.type || ' ' || coalesce(f.target, ''))) > 0)
        and (:before::bigint is null or ((f.status = 'critical'), f.last) < (:critical::boolean, :before::bigint))
    order by f.status = 'critical' desc, f.last desc
    limit :most
)
select f.*, n.id, n.observed, b.observed as since
from shown f join checks n on n.seq = f.last join checks b on b.seq = f.first
order by f.status = 'critical' desc, f.last desc;

-- name: failing_count
-- How many series fail now, by status.
select f.status, count(*) as many
from failing_now() f
where (f.let_go is null or f.let_go < f.last)
    and not exists (select 1 from agents a where a.jid = f.agent and a.state = 'revoked')
group by f.status;

-- name: failing_fold$
-- Fold in at most :most further checks; how many are left.
select failing_fold(:most);

-- name: failing_let_go^
-- Somebody says that this series is past as far as the check :last; nothing where it does not fail, or failed again.
update failing set let_go = last where series = :series and last = :last returning agent, type, target;
