-- name: sealing_ids
-- The ids of the checks :start up to (not with) :stop, in log order.
select id from checks where seq >= :start and seq < :stop order by seq;
