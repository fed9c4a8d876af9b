-- Alerts: what rules found wrong in what agents saw. One that stands is unique for its rule and its group of checks.
create table alerts (
    n bigint generated always as identity primary key,
    id uuid not null unique,
    rule text not null,
    kind text not null,
    key text not null,
    severity text not null,
    state text not null check (state in ('open', 'acknowledged', 'resolved')),
    message text not null,
    agent text not null default '',
    type text not null default '',
    target text not null default '',
    site text not null default '',
    labels jsonb not null default '{}',
    value jsonb,
    count bigint not null default 1,
    check_ids uuid[] not null default '{}',
    check_seqs bigint[] not null default '{}',
    muted text not null default '',
    announced bigint,
    step int not null default 0,
    recipients text[] not null default '{}',
    opened bigint not null,
    updated bigint not null,
    acknowledged bigint,
    acknowledged_by text not null default '',
    resolved bigint,
    resolved_by text not null default '',
    why text not null default ''
);
create unique index alerts_standing on alerts (rule, key) where state <> 'resolved';
create index alerts_rule on alerts (rule, n desc);
create index alerts_checks on alerts using gin (check_seqs);

-- What happened to alerts, in order. `told` is what the bus is told, on `topic`; `check_id` and `seq` name the record of
-- the log that says so, null until it is there and the event was told.
create table alert_events (
    n bigint generated always as identity primary key,
    alert uuid not null references alerts (id),
    event text not null,
    at bigint not null,
    who text not null,
    detail jsonb not null default '{}',
    topic text not null,
    told jsonb not null,
    check_id uuid,
    seq bigint
);
create index alert_events_alert on alert_events (alert, n);
create index alert_events_untold on alert_events (n) where seq is null;

-- Silences and maintenance windows, as people set them.
create table alert_mutes (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('silence', 'maintenance')),
    matcher jsonb not null,
    span jsonb not null,
    ends bigint not null,
    reason text not null,
    who text not null,
    created bigint not null,
    ended bigint,
    ended_by text not null default ''
);
create index alert_mutes_ends on alert_mutes (ends) where ended is null;

-- How far the correlator is: all checks below `handled` had their say, the states in correlation_states are those after
-- the checks below `kept`. `acts` counts what people did to alerts and mutes. One process holds it at a time.
create table correlation (
    one boolean primary key default true check (one),
    handled bigint not null default 0,
    kept bigint not null default 0,
    begun boolean not null default false,
    acts bigint not null default 0,
    holder text not null default '',
    beat bigint not null default 0
);
insert into correlation default values;

create table correlation_states (
    rule text not null,
    digest text not null,
    key text not null,
    state jsonb not null,
    primary key (rule, key)
);
