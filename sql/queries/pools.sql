-- name: pools_put$
-- The pool of that name, made when there is none; a pool keeps its duty.
insert into pools (name, duty, made_by, created) values (:name, :duty, :made_by, :at)
on conflict (name) do update set name = excluded.name where pools.duty = excluded.duty returning id;

-- name: pools_add!
-- More jobs at the end of a pool's list.
insert into pool_jobs (pool, job, changed) select :pool, u.job, :at from jsonb_array_elements(:jobs::jsonb) as u (job);

-- name: pools_all
-- Every pool with how far it is, newest first.
select p.id, p.name, p.duty, p.made_by, p.created,
    count(*) filter (where j.state = 'waiting') as waiting, count(*) filter (where j.state = 'leased') as leased,
    count(*) filter (where j.state = 'done') as done, count(*) filter (where j.state = 'failed') as failed
from pools p left join pool_jobs j on j.pool = p.id group by p.id order by p.id desc limit 200;

-- name: pools_jobs
-- The jobs of a pool in order, past the number :after.
select id, job, state, agent, tries, check_id, status, changed from pool_jobs
where pool = (select id from pools where name = :name) and id > :after order by id limit :most;

-- name: pools_take
-- Lease an agent the next jobs of its duties, oldest first: those that wait, and those whose lease lapsed. A job taken
-- :tries times and never done has failed.
with given_up as (
    update pool_jobs set state = 'failed', changed = :at where state = 'leased' and lease < :at and tries >= :tries
),
next as (
    select j.id from pool_jobs j join pools p on p.id = j.pool
    where p.duty = any (:duties::text[])
        and (j.state = 'waiting' or (j.state = 'leased' and j.lease < :at and j.tries < :tries))
    order by j.id limit :most for update of j skip locked
)
update pool_jobs j set state = 'leased', agent = :agent, lease = :lease, tries = j.tries + 1, changed = :at
from next, pools p where j.id = next.id and p.id = j.pool
returning j.id, j.job, p.name as pool;

-- name: pools_hold$
-- An agent still works at a job: its lease goes on. Nothing comes back when it is another's by now.
update pool_jobs set lease = :lease where id = :id and agent = :agent and state = 'leased' returning id;

-- name: pools_done$
-- A job is done: its check and that check's status. Nothing comes back when it is another's by now.
update pool_jobs set state = 'done', check_id = :check, status = :status, lease = null, changed = :at
where id = :id and agent = :agent and state = 'leased' returning id;

-- name: pools_open
-- The duties that have jobs to be taken.
select distinct p.duty from pools p join pool_jobs j on j.pool = p.id
where j.state = 'waiting' or (j.state = 'leased' and j.lease < :at);

-- name: pools_drop$
-- Remove a pool with its list; checks stay.
delete from pools where name = :name returning id;
