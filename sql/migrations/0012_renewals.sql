-- Newer tokens that cover older ones (RFC 4998 section 5). `kind` is timestamp (over the tokens) or hashtree (over the
-- checks again); `leaves` are the tree's leaves by `digest`, joined, one for each stamp covered, in order of `place`.
create table renewals (
    id bigint generated always as identity primary key,
    kind text not null,
    digest text not null,
    authority text not null,
    data bytea not null,
    query bytea not null,
    response bytea not null,
    chain bytea[] not null,
    gen_time bigint not null,
    accuracy bigint not null,
    self_asserted boolean not null,
    good_until bigint not null,
    revocation jsonb not null default '{}',
    leaves bytea not null
);

create table renewed (
    stamp bigint not null references stamps,
    renewal bigint not null references renewals,
    place int not null,
    primary key (stamp, renewal)
);

-- For a hash-tree renewal the leaf of each check in a stamp's range, joined; zeros where the payload was erased by then.
create table rehashed (
    renewal bigint not null references renewals,
    stamp bigint not null references stamps,
    hashes bytea not null,
    primary key (renewal, stamp)
);
