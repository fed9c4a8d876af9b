-- name: alerts_open^
-- A new alert; nothing where one of its rule and group stands already.
insert into alerts (id, rule, kind, key, severity, state, message, agent, type, target, site, labels, value, count,
    check_ids, check_seqs, muted, announced, recipients, opened, updated)
values (:id, :rule, :kind, :key, :severity, 'open', :message, :agent, :type, :target, :site, :labels, :value, :count,
    :check_ids::uuid[], :check_seqs::bigint[], :muted, :announced, :recipients::text[], :opened, :updated)
on conflict (rule, md5(key)) where state <> 'resolved' do nothing
returning *;

-- name: alerts_count^
-- One more check that broke the rule while the alert stands.
update alerts set count = :count, value = :value, updated = :updated, check_ids = :check_ids::uuid[],
    check_seqs = :check_seqs::bigint[]
where id = :id and state <> 'resolved' returning *;

-- name: alerts_mute^
-- An alert is muted, or is no longer.
update alerts set muted = :muted, announced = :announced, updated = :updated
where id = :id and state <> 'resolved' and muted <> :muted returning *;

-- name: alerts_escalate^
-- The next step of an alert's escalation, unless somebody was faster.
update alerts set step = :step, severity = :severity, recipients = :recipients::text[], updated = :updated
where id = :id and state <> 'resolved' and step = :step - 1 returning *;

-- name: alerts_end^
-- An alert is over by its rule's word.
update alerts set state = 'resolved', resolved = :at, resolved_by = :who, why = :why, updated = :at,
    check_ids = :check_ids::uuid[], check_seqs = :check_seqs::bigint[]
where id = :id and state <> 'resolved' returning *;

-- name: alerts_acknowledge^
-- Somebody looks after an open alert.
update alerts set state = 'acknowledged', acknowledged = :at, acknowledged_by = :who, updated = :at
where id = :id and state = 'open' returning *;

-- name: alerts_resolve^
-- Somebody says that an alert is over.
update alerts set state = 'resolved', resolved = :at, resolved_by = :who, why = :why, updated = :at
where id = :id and state <> 'resolved' returning *;

-- name: alerts_get^
-- One alert.
select * from alerts where id = :id;

-- name: alerts_standing
-- The alerts that stand, oldest first.
select * from alerts where state <> 'resolved' order by n limit :most;

-- name: alerts_page
-- Alerts newest first from below :before, with the filters that are not null; `standing` true gives those that stand.
select * from alerts
where n < :before
    and (:standing::boolean is null or (state <> 'resolved') = :standing)
    and (:state::text is null or state = :state)
    and (:rule::text is null or rule = :rule)
    and (:severity::text is null or severity = :severity)
    and (:agent::text is null or agent = :agent)
    and (:target::text is null or target = :target)
order by n desc limit :most;

-- name: alerts_figures^
-- How many alerts stand, by severity, and how many of them nobody has acknowledged or muted.
select count(*) filter (where severity = 'critical') as critical, count(*) filter (where severity = 'warning') as warning,
    count(*) filter (where severity = 'info') as info, count(*) filter (where state = 'open' and muted = '') as waiting,
    count(*) filter (where muted <> '') as muted
from alerts where state <> 'resolved';

-- name: alerts_by_rule
-- For each rule: how many of its alerts stand, and when one opened last.
select rule, count(*) filter (where state <> 'resolved') as standing, count(*) as every, max(opened) as last
from alerts group by rule;

-- name: alerts_of_check
-- The alerts that rest on a check.
select * from alerts where check_seqs @> array[:seq::bigint] order by n desc limit 50;

-- name: alerts_event$
-- Note what happened to an alert; its number.
insert into alert_events (alert, event, at, who, detail, topic, told)
values (:alert, :event, :at, :who, :detail, :topic, :told) returning n;

-- name: alerts_events
-- What happened to one alert, oldest first.
select n, alert, event, at, who, detail, check_id as check, seq from alert_events where alert = :alert
order by n limit :most;

-- name: alerts_untold
-- What is not in the log yet, oldest first.
select n, alert, event, at, who, detail, topic, told from alert_events where seq is null order by n limit 100;

-- name: alerts_told!
-- These events stand in the log and were told.
update alert_events set check_id = u.check_id, seq = u.seq
from unnest(:ns::bigint[], :check_ids::uuid[], :seqs::bigint[]) as u (n, check_id, seq)
where alert_events.n = u.n;

-- name: alerts_acted!
-- Somebody acted: the correlator reads alerts and mutes anew.
update correlation set acts = acts + 1;
