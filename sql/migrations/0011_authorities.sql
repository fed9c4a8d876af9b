-- Time-stamp authorities added while the server runs (`pumpkin tsa add`), besides those of the settings. Roots are DER.
create table authorities (
    name text primary key,
    url text not null,
    roots bytea[] not null,
    policy text,
    min_interval double precision not null default 0,
    timeout double precision not null default 5,
    username text not null default '',
    password text not null default '',
    added bigint not null
);

-- What is wrong with an authority, or with how many of them stamp: told once, kept after it is over.
create table authority_alerts (
    n bigint generated always as identity primary key,
    rule text not null,
    authority text not null,
    severity text not null,
    detail jsonb not null default '{}',
    raised bigint not null,
    resolved bigint
);
create unique index authority_alerts_open on authority_alerts (rule, authority) where resolved is null;

-- How each authority was doing when it last changed, for whoever asks without the server (`pumpkin tsa status`).
create table authority_states (
    name text primary key,
    status jsonb not null,
    at bigint not null
);

-- CRLs and OCSP answers captured at stamping; stamps.revocation names them by SHA-256 (hex).
create table captured (
    digest bytea primary key,
    data bytea not null
);
