-- One submission alone, the way of an idle server: the same decisions as submit_tasks (whose order and words are explained
-- there), without arrays and JSON, in half the time. What has an idempotency key or a webhook goes the general way.

create function submit_one(p_owner text, p_limit bigint, p_asked text, p_purl text, p_ecosystem text, p_name text,
    p_version text, p_tools text, p_priority smallint, p_forced boolean, p_flagged text, p_upload bytea, p_realm text,
    p_timeout_s int, p_cap bigint, p_node text, p_slots int, p_lease bigint)
returns table (n int, decision text, remaining bigint, freed bigint, clock bigint, place bigint, id bigint, uuid uuid,
    owner text, state text, purl text, ecosystem text, name text, version text, priority smallint, realm text,
    report_size int, report_made bigint, attempt int)
language plpgsql as $$
#variable_conflict use_column
declare
    t tasks;
    v_taken bigint;
    v_id bigint;
    v_now bigint;
    v_handed boolean;
begin
    n := 1;
    if p_limit is not null then
        select r.taken, r.remaining, r.freed, r.clock into v_taken, remaining, freed, clock
        from take_rate(p_owner, p_limit, 1, 3600000000) as r;
        if v_taken = 0 then
            set local synchronous_commit = off;
            decision := 'limited';
            return next;
            return;
        end if;
    end if;
    for turn in 1..2 loop
        if turn = 2 then
            perform lock_queue();
        end if;
        v_id := null;
        if not p_forced then
            select x.id into v_id from tasks x
            where x.purl = p_purl and x.tools = p_tools and x.realm = p_realm and x.state = 'completed'
            order by x.id desc limit 1;
            decision := 'cached';
        end if;
        if v_id is null then
            select x.id into v_id from tasks x
            where x.purl = p_purl and x.tools = p_tools and x.realm = p_realm and x.state in ('pending', 'queued', 'running');
            decision := 'active';
        end if;
        exit when v_id is not null;
    end loop;
    if v_id is not null then
        select x.* into t from tasks x where x.id = v_id;
        set local synchronous_commit = off;  -- only limits were counted
    else
        v_handed := p_slots > 0 and not exists (select 1 from tasks x where x.state = 'queued');
        if not v_handed and p_cap is not null and exists (
            select 1 from tasks x where x.owner = p_owner and x.state in ('pending', 'queued') offset p_cap - 1
        ) then
            set local synchronous_commit = off;
            decision := 'full';
            return next;
            return;
        end if;
        v_now := now_us();
        insert into tasks (owner, realm, asked, purl, ecosystem, name, version, tools, state, priority, forced,
            flagged, upload, created, queued, timeout_s, started, attempt, node, lease, heartbeat)
        values (p_owner, p_realm, p_asked, p_purl, p_ecosystem, p_name, p_version, p_tools,
            case when v_handed then 'running' else 'queued' end, p_priority, p_forced, p_flagged, p_upload, v_now, v_now,
            p_timeout_s, case when v_handed then v_now end, v_handed::int, case when v_handed then p_node end,
            case when v_handed then v_now + p_lease end, case when v_handed then v_now end)
        returning * into t;
        decision := case when v_handed then 'handed' else 'new' end;
        if not v_handed then
            perform pg_notify('pumpkin', '{"queued":"' || p_node || '"}');
        end if;
    end if;
    place := case when t.state = 'queued' then queue_position(t.id, t.priority) end;
    id := t.id;
    uuid := t.uuid;
    owner := t.owner;
    state := t.state;
    purl := t.purl;
    ecosystem := t.ecosystem;
    name := t.name;
    version := t.version;
    priority := t.priority;
    realm := t.realm;
    report_size := t.report_size;
    report_made := t.report_made;
    attempt := t.attempt;
    return next;
end $$;

-- As before (0040), with one statement less where no use leaves the window, which is nearly always.
create or replace function take_rate(p_owner text, p_most bigint, p_wanted bigint, p_span bigint,
    out taken bigint, out remaining bigint, out freed bigint, out clock bigint)
language plpgsql as $$
declare
    v_used bigint;
    v_last bigint;
    v_gone bigint;
    v_first bigint;
begin
    select used, last into v_used, v_last from rate_windows where owner = p_owner for update;
    if not found then
        insert into rate_windows (owner) values (p_owner) on conflict do nothing;
        select used, last into v_used, v_last from rate_windows where owner = p_owner for update;
    end if;
    clock := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
    if v_last > clock then
        with moved as (delete from rate_uses where owner = p_owner and at > clock returning uses)
        select sum(uses) into v_gone from moved;
        if v_gone > 0 then
            insert into rate_uses values (p_owner, clock, v_gone)
            on conflict (owner, at) do update set uses = rate_uses.uses + excluded.uses;
        end if;
    end if;
    select min(at) into v_first from rate_uses where owner = p_owner;
    if v_first <= clock - p_span then
        with gone as (delete from rate_uses where owner = p_owner and at <= clock - p_span returning uses)
        select v_used - coalesce(sum(uses), 0) into v_used from gone;
        select min(at) into v_first from rate_uses where owner = p_owner;
    end if;
    taken := greatest(0, least(p_wanted, p_most - v_used));
    if taken > 0 then
        insert into rate_uses values (p_owner, clock, taken)
        on conflict (owner, at) do update set uses = rate_uses.uses + excluded.uses;
        v_used := v_used + taken;
        v_first := least(v_first, clock);
    end if;
    update rate_windows set used = v_used, last = clock where owner = p_owner;
    remaining := greatest(0, p_most - v_used);
    freed := coalesce(v_first, clock) + p_span;
end $$;
