-- A group's key may be longer than an index holds (several long targets): its digest is what must be unique.
drop index alerts_standing;
create unique index alerts_standing on alerts (rule, md5(key)) where state <> 'resolved';
alter table correlation_states drop constraint correlation_states_pkey;
create unique index correlation_states_group on correlation_states (rule, md5(key));
