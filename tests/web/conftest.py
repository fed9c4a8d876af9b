"""The web over real neighbours: the sealing line on a real database, served on a real socket."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.errors import PumpkinError
from pumpkin.evidence import tsp
from pumpkin.model.agents import Board
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.proofs import Verdict
from pumpkin.prover import Prover
from pumpkin.store import keys
from pumpkin.store.database import Database
from pumpkin.web import routes
from pumpkin.web.services import Access, Services
from tests.actors.conftest import Line, start_line

__all__ = ["start_line"]


@dataclass
class Web:
    """A served application, its client, the line behind it, and headers of a key that may write and read."""

    client: TestClient[Any, Any]
    line: Line
    services: Services
    writer: dict[str, str]

    async def key(self, *scopes: str) -> dict[str, str]:
        """Headers of a new key with these scopes."""
        _, text = await keys.create(self.services.db, name="test", scopes=scopes)
        return {"Authorization": f"Bearer {text}"}

    async def stored(self, **changes: Any) -> dict[str, Any]:
        """Post one item; its body."""
        body = item(**changes)
        data = io.BytesIO(json.dumps(body).encode())
        headers = {**self.writer, "Content-Type": "application/json"}
        async with self.client.post("/items/", data=data, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        return body


def item(raw: str = "SG9zdCBpcyB1cA==", **meta: Any) -> dict[str, Any]:
    """A check in SCANDALE's shape."""
    values = {"uuid": str(uuid4()), "ts": 1763690864, "type": "nmap", **meta}
    return {"version": "1", "format": "nmap", "meta": values, "payload": {"raw": raw}}


StartWeb = Callable[..., Awaitable[Web]]


@pytest.fixture
async def start_web(start_line: Callable[..., Awaitable[Line]], database: Database) -> AsyncIterator[StartWeb]:
    """Serves the application on a loopback port; keywords replace fields of its Services."""
    clients: list[TestClient[Any, Any]] = []

    async def start(host: str = "127.0.0.1", access: Access | None = None, **changes: Any) -> Web:
        line = await start_line()
        services = replace(_services(line, database, access or Access()), **changes)
        client: TestClient[Any, Any] = TestClient(TestServer(routes.application(services), host=host))
        clients.append(client)
        await client.start_server()
        _, text = await keys.create(database, name="writer", scopes=["checks:write", "checks:read"])
        return Web(client, line, services, {"Authorization": f"Bearer {text}"})

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def web(start_web: StartWeb) -> Web:
    """The application with nothing unusual."""
    return await start_web()


def _services(line: Line, db: Database, access: Access) -> Services:
    prover = Prover(db, line.key)
    authority = line.tsa.authority

    async def receive(observation: Observation) -> Receipt:
        return await line.aggregator.actor.receive(observation)

    async def receive_many(observations: list[Observation]) -> list[Receipt | PumpkinError]:
        return await line.aggregator.actor.receive_many(observations)

    def verify_token(token: bytes, data: bytes) -> Verdict:
        return tsp.verify(token, data=data, roots=[authority.root_pem])

    return Services(
        receive=receive,
        receive_many=receive_many,
        db=db,
        bus=line.bus,
        board=Board,
        log_key_text=line.key.vkey,
        tsa_respond=authority.respond,
        tsa_root_pem=authority.root_pem.decode(),
        verify_token=verify_token,
        proof=prover.proof,
        bundle=prover.bundle,
        authorities=lambda: [{"name": "local", "self_asserted": True}],
        access=access,
    )
