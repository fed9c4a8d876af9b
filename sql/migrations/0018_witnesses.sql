-- Who cosigns the log's checkpoints: other logs' witnesses over HTTP, and probes over XMPP. A probe's key is kept when it
-- first cosigns; another key for the same name is refused until this row goes.
create table witnesses (
    name text primary key,
    vkey text not null,
    kind text not null check (kind in ('http', 'probe')),
    first_seen bigint not null
);

-- A signature line (C2SP tlog-cosignature) under a checkpoint, and when the witness says it made it (seconds since 1970).
create table cosignatures (
    size bigint not null references checkpoints on delete cascade,
    witness text not null references witnesses,
    line text not null,
    at bigint not null,
    primary key (size, witness)
);
create index cosignatures_witness on cosignatures (witness, size);
