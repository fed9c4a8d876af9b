-- Analyses: tasks and their queue, idempotency, reports, uploads. Times are microseconds since 1970 UTC (bigint), by the
-- clock of PostgreSQL, which all processes share.

-- `realm` is empty for what anyone may see, else the owner to whom alone it is shown (uploads).
create table tasks (
    id bigint generated always as identity primary key,
    uuid uuid not null unique default gen_random_uuid(),
    owner text not null,
    realm text not null default '',
    asked text not null,
    purl text not null,
    ecosystem text not null,
    name text not null,
    version text not null,
    tools text not null,
    state text not null check (state in ('pending', 'queued', 'running', 'completed', 'failed')),
    priority smallint not null check (priority between 0 and 9),
    forced boolean not null default false,
    flagged text not null default '',
    webhook text,
    upload bytea,
    created bigint not null,
    queued bigint,
    started bigint,
    ended bigint,
    timeout_s int not null,
    attempt int not null default 0,
    node text,
    lease bigint,
    heartbeat bigint,
    container text,
    phase text,
    phases jsonb not null default '{}',
    cause text,
    outcome text,
    verdict jsonb,
    category text,
    message text,
    details text,
    report bigint,
    report_size int,
    report_made bigint
) with (fillfactor = 80);

-- An equal package is worked on once, whoever asks and in however many processes.
create unique index tasks_active on tasks (purl, tools, realm) where state in ('pending', 'queued', 'running');
create index tasks_queue on tasks (priority desc, id) where state = 'queued';
create index tasks_running on tasks (id) where state in ('pending', 'running');
create index tasks_cached on tasks (purl, tools, realm, id desc) where state = 'completed';
create index tasks_owner on tasks (owner, id desc);
create index tasks_waiting on tasks (owner) where state in ('pending', 'queued');

-- How many wait, by priority and id: level 1 counts 256 ids, level 2 counts 65,536. A position is read from a few
-- hundred small rows and index entries however many wait.
create table queue_counts (
    level smallint not null,
    priority smallint not null,
    bucket bigint not null,
    waiting bigint not null,
    primary key (level, priority, bucket)
) with (fillfactor = 50);

create function count_waiting() returns trigger language plpgsql as $$
declare
    v_step int := case when new.state = 'queued' then 1 else -1 end;
begin
    insert into queue_counts values (1, new.priority, new.id >> 8, v_step), (2, new.priority, new.id >> 16, v_step)
    on conflict (level, priority, bucket) do update set waiting = queue_counts.waiting + excluded.waiting;
    return null;
end $$;
create trigger tasks_enter after insert on tasks
    for each row when (new.state = 'queued') execute function count_waiting();
create trigger tasks_move after update of state on tasks
    for each row when ((old.state = 'queued') <> (new.state = 'queued')) execute function count_waiting();

-- The place (from 1) at which a queued task will run.
create function queue_position(p_id bigint, p_priority smallint) returns bigint language sql stable as $$
    select coalesce((select sum(waiting) from queue_counts where level = 2 and priority > p_priority), 0)::bigint
        + coalesce((select sum(waiting) from queue_counts
            where level = 2 and priority = p_priority and bucket < p_id >> 16), 0)::bigint
        + coalesce((select sum(waiting) from queue_counts
            where level = 1 and priority = p_priority and bucket >= p_id >> 16 << 8 and bucket < p_id >> 8), 0)::bigint
        + (select count(*) from tasks
            where state = 'queued' and priority = p_priority and id >= p_id >> 8 << 8 and id <= p_id)
$$;

-- Every change of a task's state is made under this lock and committed at once: so no two statements can wait for each
-- other, and positions count what is true.
create function lock_queue() returns void language sql as $$ select pg_advisory_xact_lock(5069, 1) $$;

create function now_us() returns bigint language sql as $$
    select (extract(epoch from clock_timestamp()) * 1000000)::bigint
$$;

create table idempotency (
    owner text not null,
    key text not null,
    body bytea not null,
    task bigint,
    made bigint not null,
    primary key (owner, key)
);
create index idempotency_made on idempotency (made);

create table nodes (
    node text primary key,
    slots int not null,
    tools text not null,
    seen bigint not null
);

create table durations (ecosystem text primary key, mean_s real not null, runs bigint not null);

create table reports (
    id bigint generated always as identity primary key,
    digest bytea not null unique,
    task bigint not null references tasks,
    owner text not null,
    realm text not null,
    purl text not null,
    ecosystem text not null,
    name text not null,
    version text not null,
    tools text not null,
    outcome text not null,
    score smallint not null,
    rules text not null,
    artifacts text[] not null,
    created bigint not null,
    size int not null,
    document bytea not null,
    check_id uuid not null,
    checked boolean not null default false,
    rescored bigint references reports
);
create index reports_package on reports (ecosystem, name, version, id desc);
create index reports_task on reports (task);
create index reports_unchecked on reports (id) where not checked;
create index reports_purl on reports (purl, id desc);

-- What a report lets one download: packets, dropped files, buffers.
create table attachments (
    report bigint not null references reports,
    digest bytea not null,
    name text not null,
    content bytea not null,
    primary key (report, digest)
);

create table uploads (
    digest bytea primary key,
    name text not null,
    size bigint not null,
    content bytea not null,
    created bigint not null
);
alter table uploads alter column content set storage external;

-- Decides submissions, many at once. Each is a JSON object: owner, limit (null: not counted), key and body (idempotency),
-- and with purl what the task is made of. What is decided, in this order: 'limited', 'replayed' or 'reused' (a known
-- idempotency key with this body, with another), 'cached', 'active', 'full' (the owner has too many waiting), 'new',
-- and 'handed': new and running on p_node already, which has p_slots free and nothing before it.
--
-- Locks are taken in one order by all: rates, idempotency keys, queue.
create function submit_tasks(p_requests jsonb, p_node text, p_slots int, p_lease bigint)
returns table (n int, decision text, remaining bigint, freed bigint, clock bigint, place bigint, id bigint, uuid uuid,
    owner text, state text, purl text, ecosystem text, name text, version text, priority smallint, realm text,
    report_size int, report_made bigint, attempt int)
language plpgsql as $$
#variable_conflict use_column
declare
    r record;
    v_rate record;
    v_handed boolean;
    v_now bigint;
    v_locked boolean := false;
    v_wrote boolean := false;
    v_slots int := p_slots;
    v_body bytea;
    v_task bigint;
    v_made bigint;
    v_decision text[] := '{}';
    v_remaining bigint[] := '{}';
    v_freed bigint[] := '{}';
    v_clock bigint[] := '{}';
    v_id bigint[] := '{}';
    v_size int := jsonb_array_length(p_requests);
begin
    v_decision := array_fill(''::text, array[v_size]);
    v_remaining := array_fill(null::bigint, array[v_size]);
    v_freed := v_remaining;
    v_clock := v_remaining;
    v_id := v_remaining;

    for r in
        select q.owner, max(q."limit") as most, count(*) as wanted, array_agg(q.n order by q.n) as places
        from rows from (jsonb_to_recordset(p_requests) as (owner text, "limit" bigint)) with ordinality as q (owner, "limit", n)
        where q."limit" is not null group by q.owner order by q.owner
    loop
        select * into v_rate from take_rate(r.owner, r.most, r.wanted, 3600000000);
        for i in 1..r.wanted loop
            v_remaining[r.places[i]] := v_rate.remaining + greatest(0, v_rate.taken - i);
            v_freed[r.places[i]] := v_rate.freed;
            v_clock[r.places[i]] := v_rate.clock;
            if i > v_rate.taken then
                v_decision[r.places[i]] := 'limited';
            end if;
        end loop;
    end loop;

    v_now := now_us();
    for r in
        select q.* from rows from (jsonb_to_recordset(p_requests) as (owner text, key text, body text))
            with ordinality as q (owner, key, body, n)
        where q.key is not null order by q.owner, q.key, q.n
    loop
        if v_decision[r.n] = '' then
            v_wrote := true;
            insert into idempotency values (r.owner, r.key, decode(r.body, 'hex'), null, v_now)
            on conflict (owner, key) do update set body = excluded.body, task = null, made = excluded.made
                where idempotency.made < v_now - 86400000000;
            if not found then
                select i.body, i.task, i.made into v_body, v_task, v_made from idempotency i
                where i.owner = r.owner and i.key = r.key for update;
                if v_body <> decode(r.body, 'hex') then
                    v_decision[r.n] := 'reused';
                elsif v_task is not null then
                    v_decision[r.n] := 'replayed';
                    v_id[r.n] := v_task;
                end if;
            end if;
        end if;
    end loop;

    for r in
        select q.* from rows from (jsonb_to_recordset(p_requests) as (
                owner text, key text, purl text, asked text, ecosystem text, name text, version text, tools text,
                priority smallint, forced boolean, flagged text, webhook text, upload text, realm text,
                timeout_s int, cap bigint
            )) with ordinality as q (owner, key, purl, asked, ecosystem, name, version, tools,
                priority, forced, flagged, webhook, upload, realm, timeout_s, cap, n)
        order by q.n
    loop
        continue when v_decision[r.n] <> '';
        for turn in 1..2 loop
            if turn = 2 then
                if r.key is not null then
                    -- the same key earlier in this batch
                    select i.task into v_task from idempotency i where i.owner = r.owner and i.key = r.key;
                    if v_task is not null then
                        v_decision[r.n] := 'replayed';
                        v_id[r.n] := v_task;
                        exit;
                    end if;
                end if;
                if not v_locked then
                    perform lock_queue();
                    v_locked := true;
                end if;
            end if;
            if not r.forced then
                select x.id into v_task from tasks x
                where x.purl = r.purl and x.tools = r.tools and x.realm = r.realm and x.state = 'completed'
                order by x.id desc limit 1;
                if found then
                    v_decision[r.n] := 'cached';
                    v_id[r.n] := v_task;
                end if;
            end if;
            if v_decision[r.n] = '' then
                select x.id into v_task from tasks x
                where x.purl = r.purl and x.tools = r.tools and x.realm = r.realm
                    and x.state in ('pending', 'queued', 'running');
                if found then
                    v_decision[r.n] := 'active';
                    v_id[r.n] := v_task;
                end if;
            end if;
            exit when v_decision[r.n] <> '';
        end loop;
        if v_decision[r.n] = '' then
            if r.cap is not null and exists (
                select 1 from tasks x where x.owner = r.owner and x.state in ('pending', 'queued') offset r.cap - 1
            ) then
                v_decision[r.n] := 'full';
                if r.key is not null then
                    delete from idempotency i where i.owner = r.owner and i.key = r.key;
                end if;
                continue;
            end if;
            v_wrote := true;
            v_now := now_us();
            v_decision[r.n] := 'new';
            if v_slots > 0 and not exists (select 1 from tasks x where x.state = 'queued') then
                v_decision[r.n] := 'handed';
                v_slots := v_slots - 1;
            end if;
            v_handed := v_decision[r.n] = 'handed';
            insert into tasks (owner, realm, asked, purl, ecosystem, name, version, tools, state, priority, forced,
                flagged, webhook, upload, created, queued, timeout_s, started, attempt, node, lease, heartbeat)
            values (r.owner, r.realm, r.asked, r.purl, r.ecosystem, r.name, r.version, r.tools,
                case when v_handed then 'running' else 'queued' end, r.priority, r.forced, r.flagged, r.webhook,
                decode(r.upload, 'hex'), v_now, v_now, r.timeout_s, case when v_handed then v_now end, v_handed::int,
                case when v_handed then p_node end, case when v_handed then v_now + p_lease end,
                case when v_handed then v_now end)
            returning tasks.id into v_task;
            v_id[r.n] := v_task;
        end if;
        if r.key is not null then
            update idempotency i set task = v_id[r.n] where i.owner = r.owner and i.key = r.key;
        end if;
    end loop;
    if not v_wrote then
        set local synchronous_commit = off;  -- only limits were counted
    end if;
    if 'new' = any(v_decision) then
        perform pg_notify('pumpkin', '{"queued":"' || p_node || '"}');
    end if;
    return query
        select d.n::int, d.decision, v_remaining[d.n], v_freed[d.n], v_clock[d.n],
            case when x.state = 'queued' then queue_position(x.id, x.priority) end,
            x.id, x.uuid, x.owner, x.state, x.purl, x.ecosystem, x.name, x.version, x.priority, x.realm,
            x.report_size, x.report_made, x.attempt
        from unnest(v_decision) with ordinality as d (decision, n) left join tasks x on x.id = v_id[d.n]
        order by d.n;
end $$;

-- Takes up to p_most of the tasks that are next, by priority, then age.
create function claim_tasks(p_node text, p_most int, p_lease bigint) returns setof tasks language plpgsql as $$
declare
    v_now bigint;
begin
    perform lock_queue();
    v_now := now_us();
    return query
        update tasks t set state = 'running', node = p_node, attempt = t.attempt + 1, lease = v_now + p_lease,
            heartbeat = v_now, started = v_now, phase = null, phases = '{}', container = null
        where t.id in (select q.id from tasks q where q.state = 'queued' order by q.priority desc, q.id limit p_most)
        returning t.*;
end $$;

-- Ends a task, if it is still this node's and this attempt's: what was taken away or ended stays so. Answers whether.
create function end_task(p_id bigint, p_node text, p_attempt int, p_state text, p_outcome text, p_verdict jsonb,
    p_category text, p_message text, p_details text, p_phases jsonb, p_report bigint, p_tools text)
returns boolean language plpgsql as $$
declare
    v_now bigint;
    t tasks;
begin
    perform lock_queue();
    v_now := now_us();
    update tasks set state = p_state, outcome = p_outcome, verdict = p_verdict, category = p_category,
        message = p_message, details = p_details, phases = p_phases, phase = null, ended = v_now, lease = null,
        tools = coalesce(p_tools, tools), report = p_report,
        report_size = (select r.size from reports r where r.id = p_report),
        report_made = (select r.created from reports r where r.id = p_report)
    where id = p_id and state = 'running' and node = p_node and attempt = p_attempt
    returning * into t;
    if not found then
        return false;
    end if;
    if p_state = 'completed' then
        insert into durations values (t.ecosystem, (v_now - t.started) / 1e6, 1)
        on conflict (ecosystem) do update set runs = durations.runs + 1,
            mean_s = durations.mean_s + (excluded.mean_s - durations.mean_s) / least(durations.runs + 1, 50);
    end if;
    return true;
end $$;

-- Gives a running task back to the queue with the cause, or fails it after p_attempts. Its state after, null if it was
-- no longer this node's and this attempt's.
create function release_task(p_id bigint, p_node text, p_attempt int, p_attempts int, p_category text, p_cause text)
returns text language plpgsql as $$
declare
    v_state text;
begin
    perform lock_queue();
    update tasks set state = case when attempt >= p_attempts then 'failed' else 'queued' end, lease = null, node = null,
        phase = null, cause = p_cause, category = case when attempt >= p_attempts then p_category end,
        message = case when attempt >= p_attempts then p_cause end,
        outcome = case when attempt >= p_attempts then 'incomplete' end,
        ended = case when attempt >= p_attempts then now_us() end
    where id = p_id and state = 'running' and node = p_node and attempt = p_attempt
    returning state into v_state;
    return v_state;
end $$;

-- Frees what a dead worker held: leases that lapsed, and with p_node all that this node held in an earlier life; and ends
-- what is past its deadline. Answers the tasks it moved.
create function sweep_tasks(p_attempts int, p_node text) returns setof tasks language plpgsql as $$
declare
    v_now bigint;
begin
    perform lock_queue();
    v_now := now_us();
    return query
        update tasks t set
            state = case when over.late or t.attempt >= p_attempts then 'failed' else 'queued' end,
            category = case when over.late then 'timeout_error' when t.attempt >= p_attempts then 'unknown_error' end,
            message = case when over.late then 'The analysis was over its time.'
                when t.attempt >= p_attempts then 'Its worker died, ' || t.attempt || ' times over.' end,
            outcome = case when over.late then 'timeout' when t.attempt >= p_attempts then 'incomplete' end,
            ended = case when over.late or t.attempt >= p_attempts then v_now end,
            cause = case when over.late then 'over its time' else 'its worker died' end,
            lease = null, node = null, phase = null
        from (
            select x.id, x.started + x.timeout_s * 1000000::bigint < v_now as late
            from tasks x where x.state = 'running'
                and (x.lease < v_now or x.node = p_node or x.started + x.timeout_s * 1000000::bigint < v_now)
        ) as over
        where t.id = over.id
        returning t.*;
end $$;

-- Ends a task that waits or runs because its owner wants it no longer. Its state before, null if it had ended.
create function cancel_task(p_id bigint) returns text language plpgsql as $$
declare
    v_state text;
begin
    perform lock_queue();
    select state into v_state from tasks where id = p_id and state in ('pending', 'queued', 'running') for update;
    if found then
        update tasks set state = 'failed', outcome = 'cancelled', category = 'cancelled', lease = null, phase = null,
            message = 'The analysis was cancelled.', ended = now_us() where id = p_id;
        perform pg_notify('pumpkin', '{"cancelled":' || p_id || '}');
    end if;
    return v_state;
end $$;
