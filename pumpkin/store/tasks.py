"""Tasks: submitted, claimed, kept alive, ended, read. Every change of state is one statement under the queue's lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.model.tasks import ATTEMPTS, LEASE_S, RESTARTS, Capacity, Decided, Decision, Ending, Submission, Task
from pumpkin.model.vault import Vault

if TYPE_CHECKING:
    from pumpkin.store.database import Database

_LEASE = int(LEASE_S * 1e6)
_DECISIONS = {one.value: one for one in Decision}


async def submit(db: Database, wanted: Sequence[Submission], *, node: str = "", slots: int = 0) -> list[Decided]:
    """Decide each submission, in order, all in one statement. With `slots` free and nothing queued, as many new tasks
    are handed to `node` at once, as running."""
    async with db.writer() as connection:
        if len(wanted) == 1 and wanted[0].key is None and wanted[0].webhook is None:
            rows = await connection.fetch(db.queries.tasks_submit_one.sql, *_alone(wanted[0]), node, slots, _LEASE)
        else:
            requests = [_request(one, db.vault) for one in wanted]
            rows = await connection.fetch(db.queries.tasks_submit.sql, requests, node, slots, _LEASE)
    return [Decided(_DECISIONS[row[1]], *row[2:]) for row in rows]


def _alone(one: Submission) -> tuple[Any, ...]:
    return (
        one.owner, one.limit, one.asked, one.purl, one.ecosystem, one.name, one.version, one.tools, one.priority,
        one.forced, one.flagged, one.upload, one.realm, one.timeout_s, one.cap,
    )  # fmt: skip


def _request(one: Submission, vault: Vault | None = None) -> dict[str, Any]:
    values = asdict(one)
    if one.webhook is not None and vault is not None:  # who knows the address may often post to it
        values["webhook"] = vault.close(one.webhook, "webhook", alike=True)
    for name in ("upload", "body"):
        values[name] = values[name].hex() if values[name] is not None else None
    return values


async def claim(db: Database, node: str, most: int = 1) -> list[Task]:
    """The tasks that are next, now this node's, for LEASE_S seconds from now."""
    async with db.writer() as connection:
        return [_task(row) async for row in db.queries.tasks_claim(connection, node=node, most=most, lease=_LEASE)]


async def beat(db: Database, node: str, ids: Sequence[int]) -> dict[int, int]:
    """Keep the leases of these tasks; the attempt by id of those that are this node's still."""
    async with db.writer() as connection:
        rows = db.queries.tasks_beat(connection, node=node, ids=list(ids), lease=_LEASE)
        return {row["id"]: row["attempt"] async for row in rows}


@dataclass(frozen=True, slots=True)
class Note:
    """What a running task is doing, and in which container; None leaves what is noted."""

    task: Task
    phase: str | None
    container: str | None


async def note(db: Database, notes: Sequence[Note]) -> None:
    """Write down what running tasks are doing; those that are no longer this attempt's are left alone."""
    async with db.writer() as connection:
        await db.queries.tasks_note(
            connection,
            ids=[one.task.id for one in notes],
            nodes=[one.task.node for one in notes],
            attempts=[one.task.attempt for one in notes],
            phases=[one.phase for one in notes],
            containers=[one.container for one in notes],
        )


async def end(db: Database, task: Task, ending: Ending, connection: Any = None) -> bool:
    """End a task; False when it was not this attempt's any more. With `connection` inside its transaction."""
    if connection is None:
        async with db.writer() as own:
            return await end(db, task, ending, own)
    return bool(
        await db.queries.tasks_end(
            connection, id=task.id, node=task.node, attempt=task.attempt, state=ending.state, outcome=ending.outcome,
            verdict=ending.verdict, category=ending.category, message=ending.message, details=ending.details,
            phases=ending.phases, report=ending.report, tools=ending.tools,
        )
    )  # fmt: skip


async def release(db: Database, task: Task, category: str, cause: str, attempts: int = ATTEMPTS) -> str | None:
    """Give a task back to the queue, or fail it after its last attempt; its state, None when it was not ours."""
    async with db.writer() as connection:
        state: str | None = await db.queries.tasks_release(
            connection,
            id=task.id,
            node=task.node,
            attempt=task.attempt,
            attempts=attempts,
            category=category,
            cause=cause,
        )
    return state


async def sweep(
    db: Database, node: str | None = None, attempts: int = ATTEMPTS, restarts: int = RESTARTS
) -> list[Task]:
    """Free what the dead held and end what is over its time; the tasks moved. `node`: all it held, at its start (these
    fail after `restarts` attempts, others after `attempts`)."""
    async with db.writer() as connection:
        rows = db.queries.tasks_sweep(connection, node=node, attempts=attempts, restarts=restarts)
        return [_task(row) async for row in rows]


async def cancel(db: Database, task_id: int) -> str | None:
    """End a task that waits or runs; its state before, None when it had ended."""
    async with db.writer() as connection:
        state: str | None = await db.queries.tasks_cancel(connection, id=task_id)
    return state


async def get(db: Database, which: int | UUID) -> Task | None:
    """The task, with its place."""
    async with db.reader() as connection:
        if isinstance(which, UUID):
            row = await db.queries.tasks_get_uuid(connection, uuid=which)
        elif 0 < which < 2**63:
            row = await db.queries.tasks_get(connection, id=which)
        else:
            return None
    return _task(row) if row else None


async def page(
    db: Database,
    *,
    owner: str | None,
    state: str | None = None,
    outcome: str | None = None,
    ecosystem: str | None = None,
    q: str | None = None,
    skip: int = 0,
    limit: int = 20,
) -> tuple[list[Task], int]:
    """An owner's tasks (anyone's without), newest first, and how many there are in all."""
    filters = {"owner": owner, "state": state, "outcome": outcome, "ecosystem": ecosystem, "q": q}
    async with db.reader() as connection:
        rows = db.queries.tasks_page(connection, **filters, skip=min(skip, 2**62), most=limit)
        found = [_task(row) async for row in rows]
        return found, int(await db.queries.tasks_count(connection, **filters))


async def seen(
    db: Database, asker: str, *, owner: str | None = None, q: str | None = None, before: int | None = None, limit: int
) -> list[Task]:
    """What `asker` may see without knowing a uuid, newest first below the number `before`; an owner's, or anyone's."""
    async with db.reader() as connection:
        rows = db.queries.tasks_seen(
            connection, asker=asker, owner=owner, q=q, before=2**63 - 1 if before is None else before, most=limit
        )
        return [_task(row) async for row in rows]


async def running(db: Database) -> list[Task]:
    """What runs now, the oldest first."""
    async with db.reader() as connection:
        return [_task(row) async for row in db.queries.tasks_running(connection)]


async def waiting(db: Database, limit: int) -> list[Task]:
    """What waits, in the order in which it will run."""
    async with db.reader() as connection:
        return [_task(row) async for row in db.queries.tasks_waiting(connection, most=limit)]


async def length(db: Database) -> int:
    """How many wait."""
    async with db.reader() as connection:
        return int(await db.queries.tasks_length(connection))


async def announce(db: Database, node: str, slots: int, tools: str) -> None:
    """Say that this node is alive."""
    async with db.writer() as connection:
        await db.queries.tasks_node(connection, node=node, slots=slots, tools=tools)


async def kept(db: Database, purl: str) -> bool:
    """Whether an analysis of exactly this (canonical purl) is under way or has completed."""
    async with db.reader() as connection:
        return bool(await db.queries.tasks_kept(connection, purl=purl))


async def others(db: Database, node: str) -> bool:
    """Whether another node is alive on this database."""
    async with db.reader() as connection:
        return bool(await db.queries.tasks_others(connection, node=node))


async def tools_of(db: Database, node: str) -> tuple[str, ...]:
    """What the other living nodes analyse with, sorted: the tools that each of them has."""
    async with db.reader() as connection:
        rows = [set(row["tools"].split(",")) async for row in db.queries.tasks_tools(connection, node=node)]
    return tuple(sorted(set.intersection(*rows) - {""})) if rows else ()


async def capacity(db: Database) -> Capacity:
    """How much runs at once, and how long one takes."""
    async with db.reader() as connection:
        row = await db.queries.tasks_capacity(connection)
    return Capacity(row["slots"], row["mean_s"])


async def tidy(db: Database) -> None:
    """Forget what is of no use any more; for once in a while."""
    async with db.writer() as connection:
        await db.queries.tasks_tidy(connection)


async def keyed(db: Database, owner: str, key: str) -> tuple[bytes, str | None] | None:
    """What an idempotency key stands for: the digest of its request's body, and the purl of its task, version and all.
    None for a key that is free."""
    async with db.reader() as connection:
        row = await db.queries.tasks_keyed(connection, owner=owner, key=key)
    return (bytes(row["body"]), row["purl"]) if row else None


async def keep_upload(db: Database, digest: bytes, name: str, content: bytes) -> None:
    """Keep an uploaded archive by its SHA-256."""
    async with db.writer() as connection:
        await db.queries.tasks_upload(connection, digest=digest, name=name, size=len(content), content=content)


async def upload(db: Database, digest: bytes) -> tuple[str, bytes] | None:
    """The file name and bytes of an uploaded archive."""
    async with db.reader() as connection:
        row = await db.queries.tasks_uploaded(connection, digest=digest)
    return (row["name"], bytes(row["content"])) if row else None


def _task(row: Mapping[str, Any]) -> Task:
    return Task(**row)
