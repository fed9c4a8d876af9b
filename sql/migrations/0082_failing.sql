-- What fails now: a row for each series (agent, type and target) whose newest judgement is warning or critical. Checks
-- are folded in by their order, a part at a time (failing_fold), `upto` is how far; what came after is looked at beside
-- the table (failing_now), so that a list is whole at any time and no page writes.

-- One name for a series, however long its parts are. Lengths keep ("ab", "c") and ("a", "bc") apart; the casts
-- let the function be inlined (a number glued to a text is not immutable), which makes it a hundred times as fast.
create function series_key(agent text, type text, target text) returns uuid
language sql immutable parallel safe as $$
    select md5(length(agent)::text || ':' || agent || length(type)::text || ':' || type || coalesce(':' || target, ''))::uuid
$$;

-- `first` and `last` are the places in the log of the first and the newest check that failed since all was well, `times`
-- how many did; `let_go` is the newest of them when somebody said that it is past: a later one brings it back.
create table failing (
    series uuid primary key,
    agent text not null,
    type text not null,
    target text,
    status text not null,
    first bigint not null,
    last bigint not null,
    times bigint not null,
    let_go bigint
);

create table failing_head (one boolean primary key default true check (one), upto bigint not null default 0);
insert into failing_head default values;

create type failing_part as (
    series uuid, agent text, type text, target text, well boolean, status text, first bigint, last bigint, times bigint
);

-- What the checks from :lo up to :hi say of each series: whether one was ok, and what failed after the last such.
create function failing_part(lo bigint, hi bigint) returns setof failing_part language sql stable as $$
    select b.series, min(b.agent), min(b.type), min(b.target), bool_or(b.well is not null),
        (array_agg(b.status order by b.seq desc) filter (where b.bad))[1],
        min(b.seq) filter (where b.bad), max(b.seq) filter (where b.bad), count(*) filter (where b.bad)
    from (
        select p.*, p.status <> 'ok' and (p.well is null or p.seq > p.well) as bad
        from (
            select k.*, max(k.seq) filter (where k.status = 'ok') over (partition by k.series) as well
            from (
                select series_key(c.agent, c.type, c.target) as series, c.agent, c.type, c.target, c.status, c.seq
                from checks c
                where c.seq >= lo and c.seq < hi and c.kind = 'check' and c.status in ('ok', 'warning', 'critical')
            ) k
        ) p
    ) b
    group by b.series
$$;

-- Fold in at most :most further checks; answers how many are left.
create function failing_fold(most bigint) returns bigint language plpgsql as $$
declare
    lo bigint;
    hi bigint;
    head bigint;
    found failing_part[];
begin
    select h.upto into lo from failing_head h for update;
    select h.size into head from log_head h;
    hi := least(head, lo + most);
    if hi <= lo then
        return 0;
    end if;
    select array_agg(p) into found from failing_part(lo, hi) p;
    delete from failing f using unnest(found) p where p.well and f.series = p.series;
    insert into failing as f (series, agent, type, target, status, first, last, times)
        select p.series, p.agent, p.type, p.target, p.status, p.first, p.last, p.times
        from unnest(found) p where p.last is not null
    on conflict (series) do update
        set status = excluded.status, last = excluded.last, times = f.times + excluded.times;
    update failing_head set upto = hi;
    return head - hi;
end $$;

-- What fails now, the checks included that are not folded in yet.
create function failing_now() returns setof failing language sql stable as $$
    with part as materialized (
        select p.* from failing_part((select upto from failing_head), (select size from log_head)) p
    )
    select f.* from failing f where not exists (select 1 from part p where p.series = f.series)
    union all
    select p.series, p.agent, p.type, p.target, p.status,
        case when p.well then p.first else coalesce(f.first, p.first) end, p.last,
        case when p.well then p.times else coalesce(f.times, 0) + p.times end, f.let_go
    from part p left join failing f using (series)
    where p.last is not null
$$;
