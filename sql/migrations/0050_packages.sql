-- What is known of packages: names (seen in use and in feeds), versions, registries' documents with their validators,
-- feeds and watch lists. Nothing here is a catalogue somebody downloaded.

-- The trigrams of a name as numbers: ecosystem, then three bytes. Names are ASCII (the registries' alphabets), so no
-- extension is needed and no two trigrams share a number. Substring search is `grams @> package_grams(...)`.
create function package_grams(ecosystem text, search text) returns int[]
language sql immutable strict parallel safe as $$
    select coalesce(array_agg(distinct coalesce(array_position(
               array['pypi', 'npm', 'gem', 'maven', 'composer', 'cargo', 'apk'], ecosystem), 8) * 16777216
               + get_byte(b, i) * 65536 + get_byte(b, i + 1) * 256 + get_byte(b, i + 2)), '{}')
    from (select convert_to(search, 'UTF8') as b) as bytes, generate_series(0, octet_length(b) - 3) as i
$$;

create table package_names (
    ecosystem text not null,
    name text not null,
    search text collate "C" not null generated always as (lower(name)) stored,
    latest text,
    first_seen timestamptz not null default now(),
    last_seen timestamptz not null default now(),
    grams int[] not null generated always as (package_grams(ecosystem, lower(name))) stored,
    primary key (ecosystem, name)
);
create index package_names_search on package_names (ecosystem, search);
create index package_names_grams on package_names using gin (grams) with (fastupdate = off);
alter table package_names alter column grams set statistics 1000;

create table package_versions (
    ecosystem text not null,
    name text not null,
    version text not null,
    published timestamptz,
    seen timestamptz not null default now(),
    primary key (ecosystem, name, version),
    foreign key (ecosystem, name) references package_names on delete cascade
);

create table registry_documents (
    url text primary key,
    status int not null,
    media text not null,
    etag text,
    last_modified text,
    fetched double precision not null,
    body bytea not null
);
create index registry_documents_fetched on registry_documents (fetched);

create table feeds (
    ecosystem text primary key,
    cursor text not null default '',
    polled timestamptz,
    found bigint not null default 0,
    error text
);

-- "Analyse each new version of these." `name` may end in `*`. `primed` when the versions that were there already are
-- noted, so that only what comes later is submitted.
create table watches (
    id bigint generated always as identity primary key,
    ecosystem text not null,
    name text not null,
    priority smallint not null default 0 check (priority between 0 and 9),
    owner text not null,
    created timestamptz not null default now(),
    primed boolean not null default false,
    polled timestamptz,
    error text,
    unique (ecosystem, name, owner)
);

create table watch_versions (
    watch bigint not null references watches on delete cascade,
    name text not null,
    version text not null,
    seen timestamptz not null default now(),
    task bigint,
    primary key (watch, name, version)
);
