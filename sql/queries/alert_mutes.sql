-- name: mutes_add^
-- A silence or a maintenance window.
insert into alert_mutes (kind, matcher, span, ends, reason, who, created)
values (:kind, :matcher, :span, :ends, :reason, :who, :created) returning *;

-- name: mutes_end^
-- End one before its time.
update alert_mutes set ended = :at, ended_by = :who where id = :id and ended is null and ends > :at returning *;

-- name: mutes_standing
-- Those that are not over, oldest first.
select * from alert_mutes where ended is null and ends > :now order by id limit 10000;

-- name: mutes_page
-- All of them, newest first, from below :before.
select * from alert_mutes where id < :before order by id desc limit :most;
