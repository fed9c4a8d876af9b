-- Keys that were rotated keep their owner: limits, idempotency and reports belong to it. Empty is key:<prefix>.

alter table keys add column owner text not null default '';

-- Uses of metered routes within the last hour, an exact sliding window: `used` is the sum of what stands in rate_uses.
create table rate_windows (owner text primary key, used bigint not null default 0, last bigint not null default 0)
    with (fillfactor = 50);
create table rate_uses (
    owner text not null,
    at bigint not null,
    uses bigint not null,
    primary key (owner, at)
);

-- Takes up to `wanted` uses out of `most` within `span` microseconds, all in one statement and under the owner's row
-- lock, so that any number of processes share one exact window. `freed` is when the oldest use leaves the window. The clock is
-- PostgreSQL's; where it stepped back, what was used later counts as used now.
create function take_rate(p_owner text, p_most bigint, p_wanted bigint, p_span bigint,
    out taken bigint, out remaining bigint, out freed bigint, out clock bigint)
language plpgsql as $$
declare
    v_used bigint;
    v_last bigint;
    v_gone bigint;
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
    with gone as (delete from rate_uses where owner = p_owner and at <= clock - p_span returning uses)
    select v_used - coalesce(sum(uses), 0) into v_used from gone;
    taken := greatest(0, least(p_wanted, p_most - v_used));
    if taken > 0 then
        insert into rate_uses values (p_owner, clock, taken)
        on conflict (owner, at) do update set uses = rate_uses.uses + excluded.uses;
        v_used := v_used + taken;
    end if;
    update rate_windows set used = v_used, last = clock where owner = p_owner;
    remaining := greatest(0, p_most - v_used);
    select min(at) + p_span into freed from rate_uses where owner = p_owner;
    freed := coalesce(freed, clock + p_span);
end $$;
