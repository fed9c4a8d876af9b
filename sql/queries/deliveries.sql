-- name: deliveries_enrol^
-- A module's row, made at the end of the log (or, with :beginning, at its start) when it is new.
insert into modules (name, kind, made, seq, event)
select :name, :kind, :now::bigint, case when :beginning::boolean then 0 else (select size from log_head) end,
    coalesce((select max(n) from module_events), 0)
on conflict (name) do update set kind = excluded.kind
returning *;

-- name: deliveries_get^
-- One module's row.
select * from modules where name = :name;

-- name: deliveries_all
-- Every module there ever was, with how many dead letters it has and how far the log and the events are ahead of it.
select m.*, (select count(*) from dead_letters d where d.module = m.name) as dead, (select size from log_head) - m.seq as behind,
    (select count(*) from module_events e where e.n > m.event) as events_behind
from modules m order by m.name;

-- name: deliveries_forget$
-- Forget a module with its dead letters.
delete from modules where name = :name returning name;

-- name: deliveries_log
-- Heads of the checks :seq up to (not with) :stop, without payload, with the agent's tags.
select c.seq, c.id, c.kind, c.type, c.format, c.agent, c.observed, c.received, c.target, c.status, c.detail, c.media, c.size,
    c.encrypted, coalesce(a.tags, '{}') as tags, coalesce(a.site, '') as site
from checks c left join agents a on a.jid = c.agent
where c.seq >= :seq and c.seq < :stop
    and (:kinds::text[] is null or c.kind = any (:kinds::text[]))
    and (:types::text[] is null or c.kind <> 'check' or c.type = any (:types::text[]))
order by c.seq limit :most;

-- name: deliveries_payloads
-- Payloads of some checks; null where they were erased.
select seq, payload from checks where seq = any (:seqs::bigint[]);

-- name: deliveries_events
-- Events after :event, of these topics, in order.
select n, id, topic, at, data from module_events where n > :event and topic = any (:topics::text[]) order by n limit :most;

-- name: deliveries_events_end$
-- The newest event's number, 0 where there is none.
select coalesce(max(n), 0) from module_events;

-- name: deliveries_add_events*!
-- Keep an event for the modules.
insert into module_events (topic, at, data) values (:topic, :at, :data);

-- name: deliveries_tidy_events
-- Drop the events that every module in :names is past, and the oldest beyond :most; modules that had not come so far are
-- told how many they lost.
with edge as (
    select greatest(
        coalesce((select min(event) from modules where name = any (:names::text[])), 0),
        coalesce((select n from module_events order by n desc offset :most limit 1), 0)
    ) as n
), gone as (
    delete from module_events where n <= (select n from edge) returning n
), told as (
    update modules m
    set lost = lost + (select count(*) from gone g where g.n > m.event), event = greatest(event, (select n from edge))
    where m.name = any (:names::text[]) and exists (select 1 from gone g where g.n > m.event)
    returning m.name
)
select name from told;

-- name: deliveries_advance$
-- Move on from where the module stood; null when it stands elsewhere by now (another process moved it). Where nothing was
-- refused the commit is not waited for on the disk: what a power cut undoes is delivered again, under the same ids.
with quiet as (
    select set_config('synchronous_commit', case when :error::text is null then 'off' else 'on' end, true)
)
update modules set seq = :seq, event = :event, delivered = delivered + :delivered,
    refused = refused + :refused, attempt = 0, not_before = 0,
    last_success = case when :delivered > 0 then :now else last_success end,
    last_error = case when :delivered > 0 then '' when :error::text is not null then :error else last_error end,
    last_error_at = case when :error::text is not null then :now else last_error_at end
from quiet where name = :name and seq = :from_seq and event = :from_event
returning name;

-- name: deliveries_failed!
-- A try failed: count it, and not before when the next one is.
update modules set attempt = :attempt, retries = retries + 1, not_before = :not_before, last_error = :error,
    last_error_at = :now
where name = :name;

-- name: deliveries_try!
-- Note a try; it is for people, and not waited for on the disk.
with quiet as (select set_config('synchronous_commit', 'off', true))
insert into module_tries (module, at, outcome, items, took, subject, error)
select :module, :at::bigint, :outcome, :items::int, :took::real, :subject, :error from quiet;

-- name: deliveries_tidy_tries!
-- Keep the newest :most tries of a module.
delete from module_tries where module = :module
    and n <= (select n from module_tries where module = :module order by n desc offset :most limit 1);

-- name: deliveries_tries
-- The newest tries of a module.
select n, at, outcome, items, took, subject, error from module_tries where module = :module order by n desc limit :most;

-- name: deliveries_bury!
-- A dead letter; the same item refused again is counted on.
insert into dead_letters (module, delivery, topic, subject, seq, event, event_at, data, reason, tries, first, last)
values (:module, :delivery, :topic, :subject, :seq, :event, :event_at, :data, :reason, :tries, :now, :now)
on conflict (module, delivery) do update set reason = excluded.reason, tries = dead_letters.tries + excluded.tries,
    last = excluded.last, again = false;

-- name: deliveries_dead
-- Dead letters of a module, the newest first, below :before.
select d.id, d.module, d.delivery, d.topic, d.subject, d.seq, d.event, d.event_at, d.data, d.reason, d.tries, d.first, d.last,
    d.again, c.id as record
from dead_letters d left join checks c on c.seq = d.seq where d.module = :module and d.id < :before order by d.id desc limit :most;

-- name: deliveries_dead_one^
-- One of them.
select d.id, d.module, d.delivery, d.topic, d.subject, d.seq, d.event, d.event_at, d.data, d.reason, d.tries, d.first, d.last,
    d.again, c.id as record
from dead_letters d left join checks c on c.seq = d.seq where d.module = :module and d.id = :id;

-- name: deliveries_dead_again
-- Those that are to be tried again, in their order.
select d.id, d.module, d.delivery, d.topic, d.subject, d.seq, d.event, d.event_at, d.data, d.reason, d.tries, d.first, d.last,
    d.again, c.id as record
from dead_letters d left join checks c on c.seq = d.seq where d.module = :module and d.again order by d.id limit :most;

-- name: deliveries_dead_count$
-- How many there are.
select count(*) from dead_letters where module = :module;

-- name: deliveries_retry$
-- Have one dead letter (all with a null id) tried again; how many.
with chosen as (
    update dead_letters set again = true where module = :module and (:id::bigint is null or id = :id) returning id
)
select count(*) from chosen;

-- name: deliveries_discard$
-- Drop one dead letter (all with a null id); how many.
with gone as (delete from dead_letters where module = :module and (:id::bigint is null or id = :id) returning id)
select count(*) from gone;

-- name: deliveries_buried_again!
-- It was refused once more.
update dead_letters set again = false, tries = tries + 1, reason = :reason, last = :now where id = :id;

-- name: deliveries_risen!
-- A dead letter was delivered after all.
with gone as (delete from dead_letters where id = :id returning module)
update modules m set delivered = delivered + 1, last_success = :now from gone where m.name = gone.module;

-- name: deliveries_hurry!
-- Try now, not when the pause is over.
update modules set not_before = 0 where name = :name;

-- name: deliveries_pause$
-- Stop or go on delivering; null for an unknown module.
update modules set paused = :paused where name = :name returning name;
