"""A small Pumpkin to look at: the real web on the real store, with checks, log, stamps and agents put there by hand."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from pumpkin.bus import Bus
from pumpkin.errors import PumpkinError
from pumpkin.evidence import merkle, record, tiles, tsp, tsp_query
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.checkpoint import LogKey, newest_token, sign
from pumpkin.evidence.groups import anchor, group_root
from pumpkin.model.agents import Behaviour, Board, Message, Presence
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.proofs import Checkpoint, Stamp
from pumpkin.prover import Prover
from pumpkin.store import agents, checks, messages, people, proofs
from pumpkin.store.database import Database, sql_folder
from pumpkin.web import routes
from pumpkin.web.services import Services

PASSWORDS = {"vera": "a quiet viewer", "otto": "an able operator", "ada": "the administrator"}
ROLES = {"vera": "viewer", "otto": "operator", "ada": "admin"}
PROBE = "probe@pumpkin.example"
_hashed: dict[str, str] = {}


def observation(**more: Any) -> Observation:
    """A check as an agent would report it."""
    given: dict[str, Any] = {
        "id": uuid4(),
        "type": "http",
        "format": "json",
        "agent": PROBE,
        "observed": time.time_ns() // 1_000,
        "payload": b'{"status": 200}',
        "media": "application/json",
    }
    return Observation(**{**given, **more})


@dataclass
class Told:
    """What strangers say to a site; nothing as long as it is empty."""

    evil: str = ""


class Site:
    """The web application and what stands behind it. `acts` are what pages asked of agents."""

    def __init__(self, db: Database, told: Told | None = None, **more: Any) -> None:
        """`more` are further fields of the services, whose words may be those of `told`."""
        self.told = told or Told()
        self.db, self.bus, self.key = db, Bus(), LogKey.generate("pumpkin.example/log")
        self.authority = Authority.create("Pumpkin test")
        self.presence: dict[str, Presence] = {}
        self.token: tuple[str, ...] = ()  # the line of the next checkpoint that names the newest token, as the sealer's
        self.acts: list[tuple[Any, ...]] = []
        self.authorities: list[dict[str, Any]] = [
            {"name": "local", "url": None, "state": "ok", "last_error": None, "pending": 0, "self_asserted": True}
        ]
        prover = Prover(db, self.key)
        self.services = Services(
            receive=self.receive,
            receive_many=self.receive_many,
            db=db,
            bus=self.bus,
            board=lambda: Board(dict(self.presence)),
            log_key_text=self.key.vkey,
            tsa_root_pem=self.authority.root_pem.decode(),
            proof=prover.proof,
            path=prover.path,
            bundle=prover.bundle,
            authorities=lambda: self.authorities,
            send_message=self._noted("message"),
            run_agent=self._noted("run"),
            subscription=self._noted("subscription"),
            approve=self.approve,
            revoke=self.revoke,
            xmpp={
                "host": "127.0.0.1",
                "port": 5222,
                "domain": "pumpkin.example",
                "aggregator": "aggregator@pumpkin.example",
            },
            **more,
        )
        root = sql_folder().parent
        self.app: web.Application = routes.application(
            self.services, templates=root / "templates", static=root / "static"
        )

    def _noted(self, name: str) -> Any:
        async def note(*given: Any) -> str:
            self.acts.append((name, *given))
            return "1"

        return note

    async def approve(self, jid: str, who: str) -> None:
        self.acts.append(("approve", jid, who))
        await agents.approve(self.db, jid)

    async def revoke(self, jid: str, who: str) -> None:
        self.acts.append(("revoke", jid, who))
        await agents.revoke(self.db, jid)

    async def receive(self, one: Observation) -> Receipt:
        answer = (await self.receive_many([one]))[0]
        assert isinstance(answer, Receipt)
        return answer

    async def receive_many(self, many: Sequence[Observation]) -> list[Receipt | PumpkinError]:
        now = time.time_ns() // 1_000
        answers = await checks.store_batch(self.db, [(one, now, record.make(one, now)) for one in many])
        for one in many:
            self.bus.publish("check.stored", {"uuid": str(one.id), "type": one.type})
        return list(answers)

    async def seal(self) -> Checkpoint:
        """A checkpoint over all that is stored."""
        last = await proofs.latest_checkpoint(self.db)
        start = last.size if last else 0
        size = await checks.size(self.db)
        hashes = await checks.leaves(self.db, 0, size)
        leaves = [leaf for leaf, _ in hashes]
        changed = tiles.updates(0, leaves, lambda *_: b"")
        root = merkle.root(leaves)
        note = sign("pumpkin.example/log", size, root, self.key, extensions=self.token)
        groups = group_root([group for _, group in hashes[start:]])
        made = Checkpoint(size, start, root, groups, note, time.time_ns() // 1_000)
        await proofs.add_checkpoint(self.db, made, changed)
        self.bus.publish("check.sealed", {"checkpoint": size})
        return made

    async def stamp(self, head: Checkpoint, authority: str = "local", *, own: bool = True) -> None:
        """A real token over `head`."""
        over = anchor(head.note, head.group_root)
        query = tsp_query.make_query(hashlib.sha256(over).digest())
        now = time.time_ns() // 1_000
        response = self.authority.respond(query)
        self.token = (newest_token(tsp.token_of(response)),)
        await proofs.add_stamp(
            self.db,
            Stamp(
                0, authority, head.start, head.size, over, query, response, self.authority.chain, now, 1_000_000, own
            ),
        )
        self.bus.publish("proof.stamped", {"checkpoint": head.size, "authority": authority})

    async def people(self) -> None:
        """The three; each password is hashed once for all tests, since a hash is made to be slow."""
        for name, password in PASSWORDS.items():
            async with self.db.writer() as connection:
                if name in _hashed:
                    await self.db.queries.people_add(
                        connection, name=name, password=_hashed[name], role=ROLES[name],
                        created=time.time_ns() // 1_000, must_change=False,
                    )  # fmt: skip
            if name not in _hashed:
                await people.add(self.db, name, password, role=ROLES[name])
                async with self.db.reader() as connection:
                    _hashed[name] = await connection.fetchval("select password from people where name = $1", name)

    async def agent(self, jid: str = PROBE, state: str = "approved", show: str = "available", **more: Any) -> None:
        """An agent that reported a behaviour, was up yesterday and said something."""
        now = time.time_ns() // 1_000
        await agents.seen(self.db, jid, state=state)
        one = Behaviour("scan", "periodic", "idle", 60.0, now + 30_000_000, now, **more)
        await agents.set_behaviours(self.db, jid, [one])
        await agents.add_up_time(self.db, [(jid, (datetime.now(UTC) - timedelta(days=1)).date(), 80_000.0)])
        self.presence[jid] = Presence(show, "", now, {"spade": show})

    async def message(self, body: str, metadata: Mapping[str, str], sender: str = PROBE, stanza: str = "") -> None:
        now = time.time_ns() // 1_000
        await messages.add(
            self.db, Message(uuid4().hex, sender, "aggregator@pumpkin.example", body, None, metadata, now, stanza)
        )


def token(html: str) -> str:
    """The forgery token of the first form in a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found is not None, "a form with a token"
    return found[1]


async def sign_in(client: TestClient[Any, Any], name: str, password: str | None = None) -> ClientResponse:
    """Sign in as a browser would; the answer to the form, not followed."""
    async with client.get("/login") as answer:
        csrf = token(await answer.text())
    fields = {"csrf": csrf, "name": name, "password": PASSWORDS[name] if password is None else password}
    return await client.post("/login", data=fields, allow_redirects=False)
