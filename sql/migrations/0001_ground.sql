-- The ground: agents, accounts, checks, the log and its stamps. Times are microseconds since 1970 UTC (bigint).

create table agents (
    jid text primary key,
    state text not null check (state in ('pending', 'approved', 'revoked')),
    duties text[] not null default '{}',
    tags text[] not null default '{}',
    site text not null default '',
    version text not null default '',
    first_seen bigint not null,
    last_seen bigint not null,
    last_check bigint,
    checks bigint not null default 0,
    behaviours jsonb not null default '[]'
);

-- Uptime strip: seconds available per day.
create table agent_days (
    jid text not null references agents on delete cascade,
    day date not null,
    up_s real not null default 0,
    primary key (jid, day)
);

create table messages (
    n bigint generated always as identity primary key,
    id text not null,
    sender text not null,
    recipient text not null,
    body text not null,
    thread text,
    metadata jsonb not null default '{}',
    received bigint not null,
    stanza text not null default '',
    check_id uuid
);
create index messages_sender on messages (sender, n desc);
create index messages_recipient on messages (recipient, n desc);

-- XMPP accounts of the embedded server: SCRAM verifiers only, never a password.
create table accounts (
    username text primary key,
    scram jsonb not null,
    created bigint not null,
    disabled boolean not null default false
);

create table roster (
    owner text not null,
    contact text not null,
    name text not null default '',
    subscription text not null default 'none',
    ask text,
    pending_in boolean not null default false,
    groups text[] not null default '{}',
    primary key (owner, contact)
);

create table offline (
    n bigint generated always as identity primary key,
    recipient text not null,
    stanza text not null,
    stored bigint not null
);
create index offline_recipient on offline (recipient, n);

-- Items agents publish about themselves (XEP-0163), as far as OMEMO needs them. n keeps their order.
create table pep (
    owner text not null,
    node text not null,
    item text not null,
    payload text not null,
    n bigint generated always as identity,
    primary key (owner, node, item)
);

create table people (
    name text primary key,
    password text not null,
    role text not null check (role in ('viewer', 'writer', 'operator', 'admin')),
    created bigint not null,
    must_change boolean not null default false,
    disabled boolean not null default false
);

create table sessions (
    token_hash bytea primary key,
    name text not null references people on delete cascade,
    csrf text not null,
    created bigint not null,
    expires bigint not null
);

create table keys (
    id uuid primary key,
    name text not null,
    prefix text not null unique,
    hash bytea not null,
    scopes text[] not null,
    rate int not null default 100,
    created bigint not null,
    expires bigint,
    revoked bigint,
    last_used bigint
);

-- The checks. seq is the leaf index: no gaps, given out by store_checks under the lock of log_head.
create table log_head (one boolean primary key default true check (one), size bigint not null default 0);
insert into log_head default values;

create table checks (
    seq bigint primary key,
    id uuid not null unique,
    kind text not null,
    type text not null,
    format text not null,
    agent text not null,
    key_id text,
    observed bigint not null,
    received bigint not null,
    after text,
    signature text,
    target text,
    status text,
    detail jsonb not null default '{}',
    wire jsonb,
    payload bytea,
    payload_salt bytea,
    payload_hash bytea,
    media text not null,
    size int not null,
    direct boolean not null default false,
    encrypted boolean not null default false,
    content bytea not null,
    record bytea not null,
    leaf_hash bytea not null,
    group_hash bytea not null
);
create index checks_agent on checks (agent, seq);
create index checks_type on checks (type, seq);
create index checks_target on checks (target, seq) where target is not null;
-- What is ok is most of what there is: a filter on it finds enough without an index, and each insert saves one.
create index checks_status on checks (status, seq) where status <> 'ok';
create index checks_payload on checks using hash (payload_hash);
create index checks_labels on checks using gin ((detail -> 'labels') jsonb_path_ops) where detail ? 'labels';

-- Stores a batch in one round trip: the arrays are the columns, one element a check; ids must be unique within them.
-- `digests` holds five hashes of 32 bytes end to end (payload salt, payload, content, leaf, group): every array costs the
-- client as much as the bytes in it. Answers, for every id given: its place, its time of receipt, whether it was there
-- before, and the content digest that is stored (so that the caller sees a conflict).
--
-- The row lock on log_head lets one transaction at a time give out places, over all nodes; each takes its snapshot after
-- the lock, so it sees what the one before stored. An aborted batch takes no place: the log has no gap.
-- The plans are pinned to index scans: a plan made while the table was small would else read all of it later. Generic
-- plans spare 0.1 ms of planning a batch.
create function store_checks(
    ids uuid[], kinds text[], types text[], formats text[], agents text[], key_ids text[], observeds bigint[],
    receiveds bigint[], afters text[], signatures text[], details jsonb[], wires jsonb[], payloads bytea[],
    medias text[], directs boolean[], encrypteds boolean[], records bytea[], digests bytea[]
) returns table (id uuid, seq bigint, received bigint, known boolean, content bytea)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
    head bigint;
    there bigint;
    added bigint;
begin
    select h.size into head from log_head h for update;
    return query
        select c.id, c.seq, c.received, true, c.content
        from unnest(ids) as u (id) join checks c on c.id = u.id;
    get diagnostics there = row_count;
    return query
        insert into checks (seq, id, kind, type, format, agent, key_id, observed, received, after, signature, target,
            status, detail, wire, payload, payload_salt, payload_hash, media, size, direct, encrypted, content, record,
            leaf_hash, group_hash)
        select head + row_number() over (order by u.n) - 1, u.id, u.kind, u.type, u.format, u.agent, u.key_id,
            u.observed, u.received, u.after, u.signature, u.detail ->> 'target', u.detail ->> 'status', u.detail,
            u.wire, u.payload, substr(u.digests, 1, 32), substr(u.digests, 33, 32), u.media, octet_length(u.payload),
            u.direct, u.encrypted, substr(u.digests, 65, 32), u.record, substr(u.digests, 97, 32),
            substr(u.digests, 129, 32)
        from unnest(ids, kinds, types, formats, agents, key_ids, observeds, receiveds, afters, signatures, details,
                wires, payloads, medias, directs, encrypteds, records, digests) with ordinality
            as u (id, kind, type, format, agent, key_id, observed, received, after, signature, detail, wire, payload,
                media, direct, encrypted, record, digests, n)
        where there = 0 or not exists (select 1 from checks c where c.id = u.id)
        returning checks.id, checks.seq, checks.received, false, checks.content;
    get diagnostics added = row_count;
    if added > 0 then
        update log_head set size = head + added;
    end if;
end $$;

create table checkpoints (
    size bigint primary key,
    start bigint not null,
    root bytea not null,
    group_root bytea not null,
    note text not null,
    sealed bigint not null
);

-- C2SP tlog-tiles above the leaves: up to 256 hashes of 32 bytes each; level 0 stands in checks.leaf_hash.
create table tiles (
    level int not null,
    n bigint not null,
    hashes bytea not null,
    primary key (level, n)
);

create table stamps (
    id bigint generated always as identity primary key,
    authority text not null,
    start bigint not null,
    size bigint not null references checkpoints,
    anchor bytea not null,
    query bytea not null,
    response bytea not null,
    chain bytea[] not null,
    gen_time bigint not null,
    accuracy bigint not null,
    self_asserted boolean not null,
    revocation jsonb not null default '{}',
    unique (authority, size)
);
create index stamps_size on stamps (size);

-- Tokens of a check's own (the SCANDALE way), over the payload bytes; whole TimeStampResp or bare token as DER.
create table tokens (
    n bigint generated always as identity unique,
    check_id uuid primary key references checks (id),
    token bytea not null,
    gen_time bigint not null,
    accuracy bigint not null,
    tsa text not null,
    stored bigint not null
);

create table audit (
    n bigint generated always as identity primary key,
    at bigint not null,
    who text not null,
    act text not null,
    object text not null,
    detail jsonb not null default '{}'
);

-- What an installation must remember once: log origin, fleet key id, and the like.
create table facts (name text primary key, value jsonb not null);
