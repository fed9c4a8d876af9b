-- A lease or start that lies in the future was written before the clock was set back: its holder has thirty seconds from now on
-- to say that it lives. Without this a dead worker's task waited until the clock was there again.
create or replace function sweep_tasks(p_attempts int, p_restarts int, p_node text) returns setof tasks language plpgsql as $$
declare
    v_now bigint;
begin
    perform lock_queue();
    v_now := now_us();
    update tasks x set lease = least(x.lease, v_now + 30000000), started = least(x.started, v_now)
    where x.state = 'running' and (x.lease > v_now + 60000000 or x.started > v_now + 60000000);
    return query
        update tasks t set
            state = case when over.late or over.last then 'failed' else 'queued' end,
            category = case when over.late then 'timeout_error' when over.last then 'unknown_error' end,
            message = case when over.late then 'The analysis was over its time.'
                when over.last then 'Its worker died, ' || t.attempt || ' times over.' end,
            outcome = case when over.late then 'timeout' when over.last then 'incomplete' end,
            ended = case when over.late or over.last then v_now end,
            cause = case when over.late then 'over its time' else 'its worker died' end,
            lease = null, node = null, phase = null
        from (
            select x.id, x.started + x.timeout_s * 1000000::bigint < v_now as late,
                x.attempt >= case when x.node = p_node then p_restarts else p_attempts end as last
            from tasks x where x.state = 'running'
                and (x.lease < v_now or x.node = p_node or x.started + x.timeout_s * 1000000::bigint < v_now)
        ) as over
        where t.id = over.id
        returning t.*;
end $$;
