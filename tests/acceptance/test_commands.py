"""A stranger's agent, written with slixmpp and XEP-0050 alone, is asked from the web page of the real program."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import slixmpp

from tests.acceptance.product import Product


class Thermostat(slixmpp.ClientXMPP):
    """Offers one command of two steps and one without a form; knows nothing of Pumpkin."""

    def __init__(self, jid: str, password: str, ca: str) -> None:
        super().__init__(jid, password)
        self.enable_direct_tls = False
        self.ssl_context.load_verify_locations(ca)
        self.degrees = 20
        for plugin in ("xep_0004", "xep_0030", "xep_0050"):
            self.register_plugin(plugin)
        self.up = asyncio.Event()
        self.add_event_handler("session_start", self._start)

    async def _start(self, _: Any) -> None:
        self.plugin["xep_0050"].add_command(node="set", name="Set the temperature", handler=self._ask)
        self.plugin["xep_0050"].add_command(node="rooms", name="List rooms", handler=self._rooms)
        self.send_presence()
        await self.get_roster()
        self.up.set()

    def _ask(self, _: Any, session: dict[str, Any]) -> dict[str, Any]:
        form = self.plugin["xep_0004"].make_form(ftype="form", title="Temperature")
        form.add_field(var="degrees", ftype="text-single", label="Degrees", value=str(self.degrees), required=True)
        form.add_field(
            var="mode",
            ftype="list-single",
            label="Mode",
            options=[{"label": "Slowly", "value": "slow"}, {"label": "At once", "value": "now"}],
        )
        session.update(payload=form, next=self._set, has_next=False, allow_complete=True)
        return session

    def _set(self, payload: Any, session: dict[str, Any]) -> dict[str, Any]:
        values = payload["values"]
        self.degrees = int(values["degrees"])
        session.update(next=None, payload=None, notes=[("info", f"<b>{self.degrees}</b> degrees, {values['mode']}")])
        return session

    def _rooms(self, _: Any, session: dict[str, Any]) -> dict[str, Any]:
        form = self.plugin["xep_0004"].make_form(ftype="result", title="Rooms")
        form.add_reported(var="room", label="Room")
        form.add_item({"room": "<script>alert(1)</script>"})
        session.update(payload=form, next=None, has_next=False)
        return session


@pytest.fixture
async def browser(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody signed in, by forms alone."""
    person = ("user", "add", "olga", "--role", "operator", "--password", "korrekt pferd 42")
    await asyncio.to_thread(product.command, *person, status=None)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(product.url, cookie_jar=jar) as session:
        async with session.get("/login") as answer:
            fields = {"name": "olga", "password": "korrekt pferd 42", "csrf": token(await answer.text())}
        async with session.post("/login", data=fields) as answer:
            assert answer.status == 200, await answer.text()
        yield session


def token(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    return found[1] if found else ""


async def test_a_strangers_command_runs_from_the_page(product: Product, browser: aiohttp.ClientSession) -> None:
    made = json.loads(await asyncio.to_thread(product.command, "agent", "add", "thermo", "--json"))
    xmpp = product.facts["xmpp"]
    agent = Thermostat(made["jid"], made["password"], xmpp["ca"])
    agent.connect("localhost", xmpp["port"])
    await asyncio.wait_for(agent.up.wait(), 20)
    agent.send_presence_subscription("aggregator@localhost")
    html = ""
    async with asyncio.timeout(30):
        while "Set the temperature" not in html:
            async with browser.get("/agents/thermo@localhost/commands") as answer:
                html = await answer.text()
            await asyncio.sleep(0.1)
    fields = {"csrf": token(html), "node": "set", "name": "Set the temperature", "action": "execute"}
    async with browser.post("/agents/thermo@localhost/commands", data=fields) as answer:
        html = await answer.text()
    assert 'name="field.degrees"' in html
    assert ">At once</option>" in html, html[html.find("<form") :][:3000]
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', html))
    sent = {**hidden, "field.degrees": "23", "field.mode": "now", "action": "complete"}
    async with browser.post("/agents/thermo@localhost/commands", data=sent) as answer:
        html = await answer.text()
    assert agent.degrees == 23
    assert "&lt;b&gt;23&lt;/b&gt; degrees, now" in html
    rooms = {"csrf": token(html) or hidden["csrf"], "node": "rooms", "name": "List rooms", "action": "execute"}
    async with browser.post("/agents/thermo@localhost/commands", data=rooms) as answer:
        html = await answer.text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    await agent.disconnect()
    await asyncio.sleep(0.1)


async def test_our_own_probe_is_asked_the_same_way(
    product: Product, browser: aiohttp.ClientSession, tmp_path: Path
) -> None:
    from tests.acceptance.test_fleet import probe

    made = json.loads(await asyncio.to_thread(product.command, "agent", "add", "asked", "--json"))
    config = tmp_path / "asked.json"
    config.write_text(
        json.dumps({"jid": made["jid"], "passwd": made["password"], "command": "echo x", "period": 60, "type": "asked"})
    )
    running = probe(product, config)
    try:
        html = ""
        async with asyncio.timeout(40):
            while "List the jobs" not in html:
                async with browser.get("/agents/asked@localhost/commands") as answer:
                    html = await answer.text()
                await asyncio.sleep(0.1)
        fields = {"csrf": token(html), "node": "jobs", "name": "List the jobs", "action": "execute"}
        async with browser.post("/agents/asked@localhost/commands", data=fields) as answer:
            assert "asked-1" in await answer.text()
        async with browser.get("/agents/asked@localhost/view") as answer:
            html = await answer.text()
            assert (answer.status, "asked-1" in html, "last run" in html) == (200, True, True)
        async with browser.get("/api/v1/agents/asked@localhost/view") as answer:
            told = (await answer.json())["data"]["answer"]
            assert told["form"]["rows"][0]["job"] == ["asked-1"], told
        for act, said in (("unsubscribe", "no longer asked for"), ("subscribe", "asked to show its presence")):
            async with browser.get("/agents/asked@localhost") as answer:
                fields = {"csrf": token(await answer.text())}
            async with browser.post(f"/agents/asked@localhost/{act}", data=fields) as answer:
                assert said in await answer.text(), await answer.text()
    finally:
        running.terminate()
        await asyncio.to_thread(running.communicate, timeout=30)


async def test_an_absent_agent_is_said_to_be_absent(product: Product, browser: aiohttp.ClientSession) -> None:
    await asyncio.to_thread(product.command, "agent", "add", "away")
    async with browser.get("/agents/away@localhost/commands") as answer:
        assert answer.status == 200
        assert "not connected" in await answer.text()
    async with browser.get("/agents/nobody@localhost/commands") as answer:
        assert answer.status == 404
