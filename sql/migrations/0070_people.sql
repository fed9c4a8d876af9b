-- Second factors, sign-in by OpenID Connect, sessions that can be told apart and ended one by one, searches people kept.

-- totp: the shared secret of RFC 6238 (base32), null without one; totp_step: the last step a code was taken of, so that
-- none is taken twice. openid: "issuer subject" where the person signs in there instead of with a password.
alter table people
    add column totp text,
    add column totp_step bigint not null default 0,
    add column openid text unique;

-- handle: how a session is named to people (its token is never shown); half: the password was right, the code is awaited.
alter table sessions
    add column handle uuid not null unique default gen_random_uuid(),
    add column half boolean not null default false,
    add column source text not null default '',
    add column client text not null default '',
    add column seen bigint not null default 0;

create table saved_searches (
    person text not null references people on delete cascade,
    page text not null,
    name text not null,
    query text not null,
    created bigint not null,
    primary key (person, page, name)
);
