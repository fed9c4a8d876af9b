-- Deploying a fleet: what an invitation gives, who enrolled by it, jobs assigned to probes, and shared pools.

alter table invitations
    add column name text not null default '',
    add column tags text[] not null default '{}',
    add column duties text[] not null default '{}',
    add column site text not null default '',
    add column approve boolean not null default false,
    add column made_by text not null default '';

-- Who came in by an invitation, with the key it is to sign with; a person compares its fingerprint before approving.
create table enrolments (
    jid text primary key references agents on delete cascade,
    invitation bytea not null,
    at bigint not null,
    address text not null default '',
    host text not null default '',
    public bytea not null,
    version text not null default ''
);

-- What somebody wants done, and by whom: one agent, or all with a tag, a duty, a site.
create table assignments (
    id bigint generated always as identity primary key,
    job jsonb not null,
    kind text not null check (kind in ('jids', 'tags', 'duty', 'site', 'all')),
    targets text[] not null default '{}',
    made_by text not null default '',
    created bigint not null,
    changed bigint not null,
    ended bigint
);
create index assignments_standing on assignments (id) where ended is null;

-- One agent's order: the signed document of all that is assigned to it, and what it says it runs.
create table orders (
    jid text primary key references agents on delete cascade,
    version bigint not null,
    document text not null,
    signature text not null,
    issued bigint not null,
    running bigint,
    running_digest text not null default '',
    told bigint,
    trouble text not null default ''
);

-- Lists of one-shot jobs that agents of a duty share: each job once, taken over when its lease lapses.
create table pools (
    id bigint generated always as identity primary key,
    name text not null unique,
    duty text not null,
    made_by text not null default '',
    created bigint not null
);
create table pool_jobs (
    id bigint generated always as identity primary key,
    pool bigint not null references pools on delete cascade,
    job jsonb not null,
    state text not null default 'waiting' check (state in ('waiting', 'leased', 'done', 'failed')),
    agent text not null default '',
    lease bigint,
    tries integer not null default 0,
    check_id uuid,
    status text not null default '',
    changed bigint not null
);
create index pool_jobs_open on pool_jobs (pool, id) where state in ('waiting', 'leased');

-- The server learns at once of what another process (the command line) assigned, and of agents whose place changed.
create function fleet_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('pumpkin_fleet', '');
    return null;
end $$;
create trigger assignments_changed after insert or update or delete on assignments
    for each statement execute function fleet_changed();
create trigger pool_jobs_added after insert on pool_jobs for each statement execute function fleet_changed();

create function agent_placed() returns trigger language plpgsql as $$
begin
    perform pg_notify('pumpkin_fleet', new.jid);
    return null;
end $$;
create trigger agent_placed after update on agents for each row
    when (old.state is distinct from new.state or old.tags is distinct from new.tags
        or old.duties is distinct from new.duties or old.site is distinct from new.site)
    execute function agent_placed();
