-- A server that is killed takes all it analyses with it, and more likely by its own fault than by a package's: such a task
-- is given more attempts (p_restarts) than one whose worker alone died. The limit is there still, for the package whose
-- analysis kills the server each time.
-- Frees what a dead worker held: leases that lapsed, and with p_node all that this node held in an earlier life; and ends
-- what is past its deadline. Answers the tasks it moved.
create function sweep_tasks(p_attempts int, p_restarts int, p_node text) returns setof tasks language plpgsql as $$
declare
    v_now bigint;
begin
    perform lock_queue();
    v_now := now_us();
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
