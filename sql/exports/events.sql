-- name: exports_create#
-- The table in a database of somebody else's that deliveries are written to.
create table if not exists pumpkin_events (
    id uuid primary key,
    topic text not null,
    time timestamptz not null,
    severity text not null,
    subject text not null,
    agent text,
    type text,
    target text,
    document jsonb not null,
    received timestamptz not null default now()
);
create index if not exists pumpkin_events_time on pumpkin_events (time);

-- name: exports_put
-- Write deliveries, each once however often it is brought.
insert into pumpkin_events (id, topic, time, severity, subject, agent, type, target, document)
select id, topic, time, severity, subject, agent, type, target, document
from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[])
    as given (id, topic, time, severity, subject, agent, type, target, document)
on conflict (id) do nothing;
