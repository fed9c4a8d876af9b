-- Ad hoc modules: where each stands in the log, what it could not deliver for good, what it tried. The log is the queue of
-- checks, reports and alerts; only what stands in no log (presence, faults of the log) is kept beside it.

create table modules (
    name text primary key,
    kind text not null,
    made bigint not null,
    seq bigint not null,
    event bigint not null,
    delivered bigint not null default 0,
    retries bigint not null default 0,
    refused bigint not null default 0,
    lost bigint not null default 0,
    attempt int not null default 0,
    not_before bigint not null default 0,
    paused boolean not null default false,
    last_success bigint,
    last_error text not null default '',
    last_error_at bigint
);

-- Events of the bus that are in no log, for the modules that want them; `id` is what deliveries are named by.
create table module_events (
    n bigint generated always as identity primary key,
    id uuid not null default gen_random_uuid(),
    topic text not null,
    at bigint not null,
    data jsonb not null
);

-- Every try, newest last; the last few hundred of each module are kept.
create table module_tries (
    n bigint generated always as identity primary key,
    module text not null references modules on delete cascade,
    at bigint not null,
    outcome text not null check (outcome in ('delivered', 'refused', 'failed')),
    items int not null,
    took real not null,
    subject text not null default '',
    error text not null default ''
);
create index module_tries_module on module_tries (module, n desc);

-- What a target refused for good. The item itself is read again from the log (`seq`) or stands in `data` (events).
create table dead_letters (
    id bigint generated always as identity primary key,
    module text not null references modules on delete cascade,
    delivery uuid not null,
    topic text not null,
    subject text not null,
    seq bigint,
    event uuid,
    event_at bigint,
    data jsonb,
    reason text not null,
    tries int not null,
    first bigint not null,
    last bigint not null,
    again boolean not null default false,
    unique (module, delivery)
);
create index dead_letters_module on dead_letters (module, id);
create index dead_letters_again on dead_letters (module, id) where again;

-- What a module reads that wants no checks.
create index checks_kind on checks (kind, seq) where kind <> 'check';
