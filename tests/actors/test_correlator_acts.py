"""Rules that act: a probe is asked over a real XMPP server, another one confirms, and the answer is in the history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from actors import correlator_acts
from actors.correlator import Correlator
from actors.correlator_acts import Acts
from actors.outpost import run_probe
from pumpkin.model import jobs
from pumpkin.model.alerts import Alert, AlertEvent, Subject
from pumpkin.model.rules.document import Act
from pumpkin.store import agents, alerts, checks
from tests.actors.desk import PACE
from tests.actors.test_gateway import PASSWORD, House, certificates, house

__all__ = ["certificates", "house"]

RULES = """
[[rule]]
name = "confirm"
kind = "expected"
select = { type = "echo", agent = "alice@localhost" }
act = [
  { do = "ask", duty = "echo", k = 2, job = "" },
  { do = "period", agent = "{agent}", job = "echo-1", period = "30m" },
  { do = "run", agent = "nobody@localhost" },
  { do = "run", on = "resolved", agent = "alice@localhost" },
]
"""


def acts(house: House) -> Acts:
    async def command(jid: str, node: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        return await house.gateway.command(jid, node, form, None, "complete")

    return Acts(house.db, run=house.gateway.run_agent, command=command, board=lambda: house.gateway.board)


@pytest.fixture
async def correlator(house: House, tmp_path: Path) -> AsyncIterator[Correlator]:
    file = tmp_path / "alerts.toml"
    file.write_text(RULES, "utf-8")
    house.aggregator._known_agent = lambda agent: True
    ref = Correlator.start(
        house.db,
        house.bus,
        origin="log.example",
        holder="me",
        rules=file,
        receive=house.aggregator.receive,
        board=lambda: house.gateway.board,
        acts=acts(house),
        pace=PACE,
    )
    actor = ref._actor_weakref()
    assert actor is not None
    yield actor
    await ref.stop(block=False)
    await actor.ended()


async def until(fits: Any) -> Any:
    async with asyncio.timeout(30):
        while True:
            if found := await fits():
                return found
            await asyncio.sleep(0.02)


async def test_a_rule_asks_another_probe_to_confirm_and_changes_the_period(
    house: House, correlator: Correlator, tmp_path: Path
) -> None:
    stop = asyncio.Event()
    probes = []
    for name, command in (("bob", "echo all is well"), ("alice", "false")):
        await house.gateway.approve(f"{name}@localhost")
        config = jobs.parse(
            {
                "jid": f"{name}@localhost",
                "passwd": PASSWORD,
                "server": f"127.0.0.1:{house.server.port}",
                "ca": str(house.server.ca_path),
                "type": "echo",
                "command": command,
                "duties": ["echo"],
                "period": 3_600,
            }
        )
        probes.append(asyncio.create_task(run_probe(config, data=tmp_path / name, stop=stop)))

        async def known(jid: str = f"{name}@localhost") -> bool:
            one = await agents.get(house.db, jid)
            return one is not None and "echo" in one.duties

        if name == "bob":
            await until(known)

    async def acted() -> list[AlertEvent]:
        (alert,) = await alerts.page(house.db) or [None]
        told = [] if alert is None else await alerts.events(house.db, alert.id)
        done = [one for one in told if one.event == "acted"]
        return done if len(done) == 3 and all(one.seq is not None for one in done) else []

    asked, period, failed = await until(acted)
    assert (asked.detail["agent"], asked.detail["ok"], asked.detail["channel"]) == ("bob@localhost", True, "command")
    confirmed = await checks.get(house.db, asked.detail["check"])
    assert confirmed is not None
    assert (confirmed.agent, confirmed.status) == ("bob@localhost", "ok")
    assert (period.detail["do"], period.detail["ok"]) == ("period", True)
    assert "every 1800 s" in period.detail["answer"]
    assert failed.detail["ok"] is False
    assert failed.detail["error"]
    stop.set()
    await asyncio.gather(*probes)


async def test_a_rule_in_a_storm_acts_a_bounded_number_of_times(house: House) -> None:
    one = acts(house)
    values = dict.fromkeys(("rule", "kind", "key", "severity", "state", "message"), "x")
    from uuid import uuid4

    alert = Alert(id=uuid4(), **values, subject=Subject(agent="nobody@localhost"), opened=0, updated=0)
    told = [(await one.perform(Act(do="run"), alert))[0]["error"] for _ in range(correlator_acts.A_MINUTE + 5)]
    assert sum("within a minute" in each for each in told) == 5
    unknown = Alert(id=uuid4(), **{**values, "rule": "y"}, subject=Subject(), opened=0, updated=0)
    assert "no agent" in (await one.perform(Act(do="run"), unknown))[0]["error"]
    assert "no other agent" in (await one.perform(Act(do="ask", duty="echo"), unknown))[0]["error"].casefold()
