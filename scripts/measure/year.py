"""Fills an installation with a year's worth: a thousand agents, a million checks, a hundred thousand reports, alerts.

The rows are written past the front door, as fast as PostgreSQL takes them; the log over them is then sealed and stamped
by the program itself, which finds them waiting.
"""

from __future__ import annotations

import json
import time
import uuid
import zlib

import asyncpg

AGENTS, CHECKS, REPORTS = 1_000, 1_000_000, 100_000
_LONG = "a-probe-with-a-rather-long-name-in-hall-seventeen-rack-42-of-the-northern-data-centre"

_CHECKS = """
insert into checks (seq, id, kind, type, format, agent, observed, received, target, status, detail, payload,
    payload_salt, payload_hash, media, size, content, record, leaf_hash, group_hash)
select n, ids.id, 'check', t.type, 'json', a.agent, at, at + 20000, 'host-' || n % 5000 || '.example',
    s.status,
    jsonb_build_object('target', 'host-' || n % 5000 || '.example', 'status', s.status, 'site', 'hall ' || n % 7,
        'labels', jsonb_build_object('rack', 'r' || n % 40),
        'run', jsonb_build_object('argv', jsonb_build_array('curl', 'host-' || n % 5000), 'exit_status', 0,
            'duration_s', 0.01 + (n * 7919 % 100) / 1000.0),
        'result', jsonb_build_object('parser', 'json', 'version', '1',
            'data', jsonb_build_object('latency_ms', 5 + n * 31 % 90, 'status', 200, 'size', 1000 + n % 333))),
    convert_to('{"latency_ms": ' || 5 + n * 31 % 90 || ', "status": 200, "run": ' || n || '}', 'UTF8'),
    sha256(convert_to('s' || n, 'UTF8')), sha256(convert_to('p' || n, 'UTF8')), 'application/json', 48,
    sha256(convert_to('c' || n, 'UTF8')), r.record, sha256(decode('00', 'hex') || r.record),
    sha256(convert_to('g' || n, 'UTF8'))
from generate_series($1::bigint, $2::bigint - 1) n
cross join lateral (select $3::bigint + n * 20000 as at, gen_random_uuid() as id) ids
cross join lateral (
    select convert_to('{"v":1,"id":"' || ids.id || '","kind":"check","n":' || n || '}', 'UTF8') as record) r
cross join lateral (select (array['http', 'tls', 'dns', 'tcp', 'ping', 'disk', 'load'])[n % 7 + 1] as type) t
cross join lateral (select 'probe-' || lpad((n % 1000)::text, 4, '0') || '@localhost' as agent) a
cross join lateral (
    select case when n % 997 = 0 then 'critical' when n % 211 = 0 then 'warning' else 'ok' end as status) s
"""

_AGENTS = """
insert into agents (jid, state, duties, tags, site, version, first_seen, last_seen, last_check, checks, behaviours)
select case when n = 500 then $2 else 'probe-' || lpad(n::text, 4, '0') end || '@localhost',
    case when n < 3 then 'pending' else 'approved' end, array['probe'], array['rack-' || n % 40], 'hall ' || n % 7,
    'pumpkin 0.1', $1 - 86400000000 * 60, $1, $1, 1000, $3::jsonb
from generate_series(0, 999) n
"""

_BEHAVIOURS = [
    {"name": "http", "kind": "periodic", "state": "idle", "period_s": 60.0, "restarts": 0},
    {"name": "backup watch", "kind": "schedule", "state": "waiting", "period_s": None, "restarts": 0},
    {
        "name": "failover",
        "kind": "fsm",
        "state": "running",
        "period_s": None,
        "restarts": 1,
        "detail": {
            "at": "watch",
            "start": "watch",
            "graph": {
                "watch": {"ok": "watch", "critical": "confirm"},
                "confirm": {"ok": "watch", "critical": "alarm"},
                "alarm": {"*": "watch"},
            },
        },
    },
]


async def fill(dsn: str, document: bytes) -> None:
    """Everything, in a minute or two. `document` is one report's JSON, given to all with its number in it."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        now = time.time_ns() // 1_000
        await connection.execute("set synchronous_commit = off")
        async with connection.transaction():
            size = await connection.fetchval("select size from log_head for update")
            behaviours = [{**one, "next_run": now + 20_000_000, "last_run": now} for one in _BEHAVIOURS]
            await connection.execute(_AGENTS, now, _LONG, behaviours)
            await connection.execute(
                "insert into agent_days select jid, current_date - d, 86400 - 40 * (d * 13 % 37)"
                " from agents, generate_series(0, 29) d on conflict do nothing"
            )
            start = now - CHECKS * 20_000
            await connection.execute(_CHECKS, size, size + CHECKS, start, timeout=900)
            await connection.execute("update log_head set size = $1", size + CHECKS)
        await _reports(connection, document, now)
        await connection.execute("analyze", timeout=300)
    finally:
        await connection.close()


async def run(dsn: str, document: bytes, version: str) -> int:
    """One report more, of a package that was run: `document` as it was recorded; its number."""
    connection = await asyncpg.connect(dsn)
    try:
        now = time.time_ns() // 1_000
        await connection.execute("alter table tasks disable trigger user")
        task = await connection.fetchval(
            "insert into tasks (owner, asked, purl, ecosystem, name, version, tools, state, priority, created, queued,"
            " started, ended, timeout_s, outcome) select 'user:admin', p, p, 'pypi', 'weather-stats', $1, 'dynamic',"
            " 'completed', 0, $2, $2, $2, $2, 1800, 'malicious' from "
            " (select 'pkg:pypi/weather-stats@' || $1::text as p) n"
            " returning id",
            version,
            now,
        )
        await connection.execute("alter table tasks enable trigger user")
        return int(
            await connection.fetchval(
                "insert into reports (digest, task, owner, realm, purl, ecosystem, name, version, tools, outcome,"
                " score, rules, artifacts, created, size, document, check_id, checked)"
                " select sha256(convert_to(t.purl, 'UTF8')), t.id, t.owner, '', t.purl, 'pypi', t.name, t.version,"
                " 'dynamic', t.outcome, 95,"
                " 'bench', '{}', t.created, $1, $2, $3, true from tasks t where t.id = $4 returning id",
                len(document),
                zlib.compress(document),
                uuid.uuid4(),
                task,
            )
        )
    finally:
        await connection.close()


async def _reports(connection: asyncpg.Connection, document: bytes, now: int) -> None:
    await connection.execute("alter table tasks disable trigger user")
    await connection.execute(
        "insert into tasks (owner, asked, purl, ecosystem, name, version, tools, state, priority, created, queued,"
        " started, ended, timeout_s, outcome, verdict, report)"
        " select 'user:admin', 'pkg:pypi/p' || n % 20000, 'pkg:pypi/p' || n % 20000 || '@' || n / 20000 + 1, 'pypi',"
        " 'p' || n % 20000, (n / 20000 + 1)::text, 'static', 'completed', 0, $1::bigint + n, $1::bigint + n,"
        " $1::bigint + n, $1::bigint + n, 1800,"
        " case when n % 300 = 0 then 'malicious' when n % 40 = 0 then 'suspicious' else 'clean' end,"
        " '{\"score\": 3}'::jsonb, null from generate_series(0, $2::int - 1) n",
        now - REPORTS,
        REPORTS,
        timeout=300,
    )
    await connection.execute("alter table tasks enable trigger user")
    packed = zlib.compress(document)
    await connection.execute(
        "insert into reports (digest, task, owner, realm, purl, ecosystem, name, version, tools, outcome, score, rules,"
        " artifacts, created, size, document, check_id, checked)"
        " select sha256(convert_to('r' || t.id, 'UTF8')), t.id, t.owner, '', t.purl, 'pypi', t.name, t.version,"
        " 'static', t.outcome, 3, 'bench', '{}', t.created, $2, $1, $3, true from tasks t where t.state = 'completed'",
        packed,
        len(document),
        uuid.uuid4(),
        timeout=300,
    )
    await connection.execute("update tasks t set report = r.id from reports r where r.task = t.id", timeout=300)
