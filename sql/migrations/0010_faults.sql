-- What was found wrong with the log, by whom: an audit, the sealer, a probe or another witness. Kept until a person says
-- it is settled. `position` is the first record concerned.
create table log_faults (
    n bigint generated always as identity primary key,
    kind text not null,
    position bigint not null,
    source text not null,
    detail jsonb not null default '{}',
    found bigint not null,
    settled bigint,
    unique (kind, position, source)
);
