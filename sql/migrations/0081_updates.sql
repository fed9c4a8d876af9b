-- Probes told to update themselves: to which kits of which version, and what each said of it. `id` is the time it was
-- told, in microseconds: it grows also over a restored backup, and a probe never goes back.
create table updates (
    jid text primary key references agents on delete cascade,
    id bigint not null,
    version text not null,
    kits jsonb not null,
    made_by text not null default '',
    state text not null default 'told' check (state in ('told', 'waiting', 'trying', 'done', 'failed')),
    said text not null default ''
);
create trigger updates_told after insert or update of id on updates
    for each statement execute function fleet_changed();
