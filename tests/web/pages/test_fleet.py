"""Pages of the fleet: the line and the file that enrol a probe, jobs and who does them, an agent's own view; and the
address newcomers come to, with what is wrong refused."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.commands import job as command_line
from pumpkin.evidence import keys
from pumpkin.model import jobs
from pumpkin.store import accounts, agents, assignments, audit, pools
from pumpkin.store import keys as keys_store
from pumpkin.store.database import sql_folder
from pumpkin.web import routes
from pumpkin.web.fleet import Fleet, KitFile
from pumpkin.web.pages.commands import safe
from tests.web.pages.site import PROBE, Site, sign_in, token

EVIL = "<script>alert(1)</script>'\"; rm -rf /\u202e"
Client = TestClient[Any, Any]


def with_fleet(site: Site, folder: Path) -> web.Application:
    """The site with a fleet's side: a kit, a certificate, an allow list."""
    made = Certificates(folder / "tls", "pumpkin.example")
    made.ensure()
    kit = folder / "kit.tar.gz"
    kit.write_bytes(b"a kit")

    async def every_kit() -> list[KitFile]:
        return [KitFile(kit.name, "cpython-311-linux-x86_64-glibc", "ab" * 32, 5, kit)]

    root = sql_folder().parent
    fleet = Fleet(
        domain="pumpkin.example",
        fleet_key="cd" * 32,
        installer=(root / "templates" / "enroll.sh").read_text(),
        accounts=True,
        kits=every_kit,
        certificate=made.chain_path.read_bytes,
        https=lambda: ("https://pumpkin.example:8443", ""),
        xmpp_ca=made.ca_path.read_text,
        welcome=lambda jid: jid.startswith("welcome"),
    )
    services = replace(site.services, fleet=fleet)
    return routes.application(services, templates=root / "templates", static=root / "static")


@pytest.fixture
async def client(site: Site, tmp_path: Path) -> AsyncIterator[Client]:
    async with TestClient(TestServer(with_fleet(site, tmp_path))) as made:
        yield made


async def post(client: Client, path: str, form: str, **fields: Any) -> tuple[int, str, str]:
    async with client.get(form) as page:
        csrf = token(await page.text())
    async with client.post(path, data={"csrf": csrf, **fields}, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers.get("Location", "")


async def the_line(client: Client, **fields: Any) -> str:
    """The token of a line made on the page."""
    status, page, _ = await post(client, "/agents/enroll", "/agents/enroll", **fields)
    found = re.search(r"/enroll/([A-Za-z0-9_-]{43})", page)
    assert status == 200
    assert found
    return found[1]


def newcomer(name: str, **changes: Any) -> dict[str, Any]:
    offer = keys.offer(f"{name}@pumpkin.example", Ed25519PrivateKey.generate())
    return {"name": name, "password": "sixteen letters long", "signing_key": offer, "host": "attic", **changes}


async def enrol(client: Client, invitation: str, document: Any) -> tuple[int, dict[str, Any]]:
    # A new host has no session: a browser's would need the form's token.
    async with (
        aiohttp.ClientSession() as host,
        host.post(client.make_url(f"/enroll/{invitation}"), json=document) as answer,
    ):
        return answer.status, await answer.json()


async def test_the_line_holds_pin_and_token_once_and_the_script_quotes_what_it_is_given(
    site: Site, client: Client
) -> None:
    await sign_in(client, "otto")
    status, page, _ = await post(client, "/agents/enroll", "/agents/enroll", tags="roof, attic", note=EVIL)
    assert status == 200
    assert "--pinnedpubkey sha256//" in page
    assert "<script>alert" not in page
    invitation = re.search(r"/enroll/([A-Za-z0-9_-]{43})", page)[1]  # type: ignore[index]
    async with client.get("/agents/enroll") as again:
        assert invitation not in await again.text()
    async with client.get(f"/enroll/{invitation}") as answer:
        script = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/x-shellscript")
    assert re.search(r"^certificate=[0-9a-f]{64}$", script, re.M)
    assert "cpython-311-linux-x86_64-glibc) kit=kit.tar.gz hash=" + "ab" * 32 in script
    assert not re.search(r"@[A-Z]+@", script)
    async with client.get(f"/enroll/{invitation}/kit/kit.tar.gz") as kit:
        assert await kit.read() == b"a kit"
    for wrong in (f"/enroll/{invitation}/kit/other.tar.gz", "/enroll/" + "A" * 43, "/enroll/short"):
        async with client.get(wrong) as refused:
            assert refused.status == 404
            assert "not_found" in await refused.text()
    [act, *_] = await audit.page(site.db)
    assert (act.who, act.act) == ("otto", "agent.invite")
    assert invitation not in json.dumps(dict(act.detail)) + act.object


async def test_a_newcomer_gets_an_account_once_and_waits_with_its_fingerprint(site: Site, client: Client) -> None:
    await sign_in(client, "otto")
    invitation = await the_line(client, tags="roof", site="attic")
    document = newcomer("roof")
    status, answer = await enrol(client, invitation, document)
    assert (status, answer["data"]["state"]) == (201, "pending")
    assert answer["data"]["fleet_key"] == "cd" * 32
    assert answer["data"]["tags"] == ["roof"]
    assert await accounts.verify(site.db, "roof", "sixteen letters long")
    made = await agents.get(site.db, "roof@pumpkin.example")
    assert made is not None
    assert (made.state, made.tags, made.site) == ("pending", ("roof",), "attic")
    async with client.get("/agents") as page:
        text = (await page.text()).replace(" ", "")
    assert keys.key_id(bytes.fromhex(document["signing_key"]["public"])) in text
    assert (await enrol(client, invitation, document))[0] == 201  # its answer was lost: the same once more
    assert (await enrol(client, invitation, newcomer("second")))[0] == 404
    assert (await enrol(client, invitation, {**document, "password": "another one, guessed"}))[0] in (404, 409)
    acts = [one.act for one in await audit.page(site.db)]
    assert acts.count("agent.enrol") == 1


async def test_a_wrong_newcomer_is_refused_and_uses_nothing_up(site: Site, client: Client) -> None:
    await sign_in(client, "otto")
    invitation = await the_line(client)
    await agents.seen(site.db, "taken@pumpkin.example")
    right = newcomer("fine")
    for wrong, status in (
        ({}, 400),
        ({**right, "name": "../x"}, 400),
        ({**right, "name": "Upper"}, 400),
        ({**right, "password": "short"}, 400),
        ({**right, "signing_key": {}}, 400),
        ({**right, "signing_key": newcomer("other")["signing_key"]}, 400),
        ({**right, "surprise": 1}, 400),
        (newcomer("taken"), 409),
        (newcomer("aggregator"), 409),
    ):
        assert (await enrol(client, invitation, wrong))[0] == status, wrong
    large = {**right, "host": "x" * 70_000}
    assert (await enrol(client, invitation, large))[0] == 413
    assert (await enrol(client, invitation, right))[0] == 201
    assert await accounts.get_account(site.db, "taken") is None


async def test_an_allow_list_and_an_invitation_that_says_so_let_in_at_once_and_tries_are_bounded(
    site: Site, client: Client
) -> None:
    await sign_in(client, "otto")
    listed = await enrol(client, await the_line(client), newcomer("welcome-1"))
    told = await enrol(client, await the_line(client, approve="1", name="told"), newcomer("told-b"))
    assert [one[1]["data"]["state"] for one in (listed, told)] == ["approved", "approved"]
    statuses = []
    for _ in range(60):
        async with client.get("/enroll/" + "B" * 43) as answer:
            statuses.append(answer.status)
    assert set(statuses) == {404, 429}


async def test_a_ready_file_is_one_a_probe_reads(site: Site, client: Client) -> None:
    await sign_in(client, "otto")
    status, text, _ = await post(client, "/agents/enroll/file", "/agents/enroll", name="cellar", tags='a"b')
    assert status == 200
    config = jobs.parse(tomllib.loads(text))
    assert (config.jid, config.fleet_key, config.tags) == ("cellar@pumpkin.example", "cd" * 32, ['a"b'])
    assert config.ca is not None
    assert config.ca.startswith("-----BEGIN")
    assert config.passwd is not None
    assert await accounts.verify(site.db, "cellar", config.passwd.get_secret_value())
    assert ("approve", "cellar@pumpkin.example", "otto") in site.acts
    assert (await post(client, "/agents/enroll/file", "/agents/enroll", name="cellar"))[0] == 409
    assert (await post(client, "/agents/enroll/file", "/agents/enroll", name=""))[0] == 400


async def test_who_may_only_read_neither_invites_nor_assigns_and_nobody_without_the_forms_token(
    site: Site, client: Client
) -> None:
    await sign_in(client, "vera")
    async with client.get("/agents/enroll") as answer:
        assert answer.status == 403
    async with client.get("/jobs") as answer:
        assert answer.status == 200
        assert "Give probes a job" not in await answer.text()
    for path in ("/agents/enroll", "/agents/enroll/file", "/jobs", f"/agents/{PROBE}/remove"):
        async with client.post(path, data={"name": "x"}) as refused:
            assert refused.status == 403, path
    await sign_in(client, "otto")
    for path in ("/agents/enroll", "/jobs"):
        async with client.post(path, data={"csrf": "wrong", "command": "id", "kind": "all"}) as refused:
            assert refused.status == 403
    assert await assignments.standing(site.db) == []


async def test_a_job_is_given_changed_and_taken_back_on_its_pages(site: Site, client: Client) -> None:
    await site.agent()
    await sign_in(client, "otto")
    fields = {"kind": "jids", "jid": [PROBE], "use": "files", "target": EVIL, "period": "60"}
    status, _, place = await post(client, "/jobs", "/jobs", **fields)
    assert (status, place) == (303, "/jobs/1")
    async with client.get(place) as answer:
        text = await answer.text()
    assert PROBE in text
    assert "no order yet" in text
    assert "<script>alert" not in text
    for wrong in ({"kind": "jids"}, {"kind": "tags", "tags": "a"}, {"kind": "all", "command": "x", "more": "[]"}):
        assert (await post(client, "/jobs", "/jobs", **wrong))[0] == 400, wrong
    given = {"use": "tcp", "target": "localhost:22"}
    assert (await post(client, "/jobs/1/change", "/jobs/1", job=json.dumps(given)))[0] == 303
    assert (await post(client, "/jobs/1/change", "/jobs/1", job="{"))[0] == 400
    [one] = await assignments.standing(site.db)
    assert one.job == given
    assert (await post(client, "/jobs/1/end", "/jobs/1"))[0] == 303
    assert await assignments.standing(site.db) == []
    await pools.add(site.db, "sites", "web", [{"command": EVIL}], "otto")
    async with client.get("/jobs/shared/sites") as answer:
        assert "<script>alert" not in await answer.text()
    acts = [act.act for act in await audit.page(site.db)]
    assert acts[:3] == ["job.end", "job.change", "job.assign"]


async def test_a_job_that_cannot_work_is_refused_alike_by_page_api_and_command_line(site: Site, client: Client) -> None:
    await site.agent()
    await sign_in(client, "otto")
    _, key = await keys_store.create(site.db, name="hand", scopes=["agents:write"])
    job = {"command": "uptime", "result_parser": "regex", "parser_options": {"pattern": "(?P<load"}}
    said = "The job cannot work: parser_options.pattern is not a regular expression: missing &gt;, unterminated name"
    more = json.dumps({"parser_options": job["parser_options"]})
    fields = {"kind": "all", "command": "uptime", "result_parser": "regex", "more": more}
    status, text, _ = await post(client, "/jobs", "/jobs", **fields)
    assert status == 400
    assert said in text
    status, text, _ = await post(client, "/jobs", "/jobs", kind="jids", jid=PROBE, command="x", period="soon")
    assert status == 400
    assert f'<option value="{PROBE}" selected>' in text
    plain = said.replace("&gt;", ">")
    headers = {"Authorization": f"Bearer {key}"}
    for method, path, body in (
        ("post", "/api/v1/jobs", {"targets": {"all": True}, "job": job}),
        ("put", f"/api/v1/agents/{PROBE}/jobs", {"jobs": [job]}),
        ("post", "/api/v1/pools/list", {"duty": "probe", "jobs": [job]}),
    ):
        async with client.request(method, path, json=body, headers=headers) as answer:
            found = await answer.json()
        assert (answer.status, found["code"]) == (400, "invalid_request"), path
        assert found["message"].startswith(plain), path
    for argv in (["add", json.dumps(job), "--all"], ["share", "list", json.dumps(job), "--duty", "probe"]):
        done = CliRunner().invoke(command_line.job, argv)
        assert done.exit_code == 1, done.output
        assert plain in done.output
    assert await assignments.standing(site.db) == []


async def test_a_removed_agent_loses_its_account(site: Site, client: Client) -> None:
    await site.agent("gone@pumpkin.example")
    await accounts.put_account(site.db, "gone", {"sha-256": {}})
    await sign_in(client, "otto")
    path = "/agents/gone@pumpkin.example"
    async with client.get(path) as page:
        asked = re.search(r'<details[^>]* id="remove">(.*?)</details>', await page.text(), re.DOTALL)
    assert asked, "the button stands behind a fold"
    assert f'action="{path}/remove"' in asked[1]
    assert (await post(client, f"{path}/remove", path))[0] == 303
    assert await accounts.get_account(site.db, "gone") is None
    assert ("revoke", "gone@pumpkin.example", "otto") in site.acts


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("<b>up</b><script>alert(1)</script>", "<b>up</b>"),
        ('<img src=x onerror=alert(1)>ok<a href="javascript:1">x</a>', "okx"),
        ('<p style="position:fixed" onclick=x>a</p><style>p{}</style><form><input></form>', "<p>a</p>"),
        ("<iframe src=//evil></iframe><ul><li>1</li></ul><meta>", "<ul><li>1</li></ul>"),
    ],
)  # fmt: skip
def test_an_agents_own_html_is_shown_without_what_acts(given: str, shown: str) -> None:
    assert str(safe(given)) == shown
