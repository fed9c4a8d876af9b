-- Addresses to be told that an analysis ended: kept until they were told or given up, over any end of any process. A task
-- may have several, as equal submissions share it.
create table webhooks (
    id bigint generated always as identity primary key,
    task bigint not null references tasks,
    url text not null,
    made bigint not null,
    due bigint not null,
    tries int not null default 0,
    unique (task, url)
);
create index webhooks_due on webhooks (due);

insert into webhooks (task, url, made, due)
    select id, webhook, created, now_us() from tasks where webhook is not null and state in ('pending', 'queued', 'running');

-- A submission's address is kept in the statement that decides it, also where its task is under way or ended already.

create or replace function submit_tasks(p_requests jsonb, p_node text, p_slots int, p_lease bigint)
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
    v_hooks boolean := false;
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
        v_hooks := v_hooks or r.webhook is not null;
        if r.key is not null then
            -- the same key earlier in this batch
            select i.task into v_task from idempotency i where i.owner = r.owner and i.key = r.key;
            if v_task is not null then
                v_decision[r.n] := 'replayed';
                v_id[r.n] := v_task;
                continue;
            end if;
        end if;
        for turn in 1..2 loop
            if turn = 2 and not v_locked then
                perform lock_queue();
                v_locked := true;
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
    if v_hooks then
        v_wrote := true;
        insert into webhooks (task, url, made, due)
        select v_id[q.n], q.webhook, now_us(), now_us()
        from rows from (jsonb_to_recordset(p_requests) as (webhook text)) with ordinality as q (webhook, n)
        where q.webhook is not null and v_decision[q.n] in ('cached', 'active', 'new', 'handed')
        on conflict (task, url) do nothing;
    end if;
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
