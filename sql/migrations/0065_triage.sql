-- What people said of findings: one word on each finding of a package, with a reason and an end.
create table triage (
    package text not null,
    finding uuid not null,
    state text not null check (state in ('reviewed', 'suppressed')),
    reason text not null check (length(reason) between 1 and 2000),
    by text not null,
    made timestamptz not null default now(),
    until timestamptz,
    primary key (package, finding)
);
