-- Keys by which probes sign what they observed. `offered` waits for a person, `enrolled` is in force, `rotated` was
-- replaced by its successor, `revoked` counts for nothing from then on. What it signed while in force stays signed.
create table agent_keys (
    agent text not null,
    key_id text not null,
    public bytea not null,
    state text not null check (state in ('offered', 'enrolled', 'rotated', 'revoked')),
    previous text not null default '',
    offered bigint not null,
    changed bigint not null,
    primary key (agent, key_id)
);

-- The history of every key of the house (probe, log, authority): each change becomes a record of the log, `record` its id.
create table key_events (
    n bigint generated always as identity primary key,
    kind text not null check (kind in ('probe', 'log', 'authority')),
    subject text not null,
    key_id text not null,
    event text not null,
    detail jsonb not null default '{}',
    at bigint not null,
    record uuid
);
