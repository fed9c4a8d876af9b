-- The fleet's key, which signs what probes are ordered to do, has a history too.
alter table key_events drop constraint key_events_kind_check;
alter table key_events add constraint key_events_kind_check check (kind in ('probe', 'log', 'authority', 'fleet'));
