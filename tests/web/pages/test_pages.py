"""Pages as a browser gets them: what they say, who may see them, and that nothing untrusted becomes markup."""

from __future__ import annotations

import re

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.store import audit, faults, keys
from pumpkin.store.database import Database
from tests.browser.test_alert_pages import raised
from tests.web.pages.site import PASSWORDS, PROBE, Site, observation, sign_in, token

EVIL = "<script>alert(1)</script>\u202e\x1b[31m\"'><img src=x onerror=alert(2)>"
PAGES = ("/", "/agents", "/checks", "/proofs", "/password")


async def text(client: TestClient, path: str, status: int = 200) -> str:
    async with client.get(path, allow_redirects=False) as answer:
        assert answer.status == status, path
        return await answer.text()


@pytest.mark.parametrize(
    "path", ["/", "/agents", f"/agents/{PROBE}", "/checks", "/checks/x", "/proofs", "/settings/keys"]
)
async def test_a_stranger_is_sent_to_sign_in(stranger: TestClient, path: str):
    async with stranger.get(path, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"].partition("?")[0]) == (303, "/login")


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_stands_on_an_empty_store(viewer: TestClient, path: str):
    assert "<h1>" in await text(viewer, path)


async def test_every_page_carries_the_strict_policy_and_no_inline_code(site: Site, admin: TestClient):
    await site.agent()
    await site.receive(observation())
    for path in (*PAGES, "/settings/keys", f"/agents/{PROBE}", "/nothing"):
        async with admin.get(path) as answer:
            html = await answer.text()
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son[a-z]+=|https?://(?!www\.w3\.org)", html), path


async def test_the_overview_says_what_is_wrong_first(site: Site, viewer: TestClient):
    await site.agent(show="unavailable")
    await site.receive(observation(detail={"target": "198.51.100.7", "status": "critical"}))
    html = await text(viewer, "/")
    assert "Agent unavailable" in html
    assert "http is critical" in html
    assert html.index("http is critical") < html.index("Newest checks")


async def test_the_overview_says_that_more_fails_than_it_shows(site: Site, viewer: TestClient):
    failing = [observation(detail={"target": f"198.51.100.{n}", "status": "critical"}) for n in range(21)]
    await site.receive_many(failing[:20])
    assert "more check" not in await text(viewer, "/")
    await site.receive_many(failing[20:])
    assert re.search(r'href="/checks/failing">[^\n]*1 more check fails', await text(viewer, "/"))
    html = await text(viewer, "/checks/failing")
    assert [f"198.51.100.{n}" for n in range(21) if f'target=198.51.100.{n}"' not in html] == []


async def test_the_overview_names_an_old_failure_among_many_that_are_well_again(site: Site, viewer: TestClient):
    await site.receive(observation(detail={"target": "the broken one", "status": "critical"}))
    for status in ("critical", "ok"):
        await site.receive_many([observation(detail={"target": f"t{n}", "status": status}) for n in range(200)])
    assert "the broken one" in await text(viewer, "/")


async def test_the_overview_says_that_the_disk_fills_up_and_that_it_is_full(database: Database) -> None:
    said = {"ready": {}, "notices": {"The disk is getting full": "900 MiB are free"}}
    site = Site(database, ready=lambda: said["ready"], notices=lambda: said["notices"])
    await site.people()
    async with TestClient(TestServer(site.app)) as client:
        await sign_in(client, "vera")
        html = await text(client, "/")
        assert "The disk is getting full" in html
        assert "900 MiB are free" in html
        said.update(ready={"disk": "10 MiB of disk are free, and 200 must be", "sealer": "crashed"}, notices={})
        async with client.get("/ready") as answer:
            assert (answer.status, (await answer.json())["missing"]) == (503, ["disk", "sealer"])
    async with TestClient(TestServer(site.app)) as client:
        await sign_in(client, "vera")
        html = await text(client, "/")
    assert "No room to write: checks are refused" in html
    assert "The part sealer does not run" in html


async def test_a_failure_that_a_better_check_followed_is_no_trouble(site: Site, viewer: TestClient):
    for status in ("critical", "ok"):
        await site.receive(observation(detail={"target": "198.51.100.7", "status": status}))
    await site.stamp(await site.seal())
    assert "Nothing is wrong." in await text(viewer, "/")


async def test_the_overview_says_when_times_are_self_asserted(viewer: TestClient):
    assert "Times are self-asserted." in await text(viewer, "/")


async def test_a_third_party_ends_the_notice(site: Site, viewer: TestClient):
    site.authorities.append({"name": "tsa.example", "url": None, "last_error": None, "self_asserted": False})
    assert "Times are self-asserted." not in await text(viewer, "/")


async def test_an_authority_that_fails_is_trouble(site: Site, viewer: TestClient):
    site.authorities[0]["last_error"] = "timeout"
    assert "Authority local does not stamp" in await text(viewer, "/")


async def test_the_last_hour_counts_checks(site: Site, viewer: TestClient):
    await site.receive_many([observation() for _ in range(3)])
    assert "3 checks</title>" in await text(viewer, "/")


async def test_agents_shows_behaviours_and_presence(site: Site, viewer: TestClient):
    await site.agent(last_error="connection refused")
    html = await text(viewer, "/agents")
    assert PROBE in html
    assert "connection refused" in html
    assert "in" in html
    assert "mark ok" in html


async def test_agents_can_be_asked_for_by_presence(site: Site, viewer: TestClient):
    await site.agent("up@pumpkin.example")
    await site.agent("down@pumpkin.example", show="unavailable")
    html = await text(viewer, "/agents?show=unavailable")
    assert ("down@pumpkin.example" in html, "up@pumpkin.example" in html) == (True, False)


async def test_agents_are_paged_by_name(site: Site, viewer: TestClient):
    for number in range(60):
        await site.agent(f"probe-{number:02d}@pumpkin.example")
    first = await text(viewer, "/agents")
    assert "probe-49@" in first
    assert "probe-50@" not in first
    following = re.search(r'href="(/agents\?after=[^"]+)"', first)
    assert following is not None
    assert "probe-50@" in await text(viewer, following[1].replace("&amp;", "&"))


async def test_a_viewer_sees_no_buttons_and_may_not_approve(site: Site, viewer: TestClient):
    await site.agent(state="pending")
    html = await text(viewer, f"/agents/{PROBE}")
    assert "Approve" not in html
    async with viewer.post(f"/agents/{PROBE}/approve", data={"csrf": token(html)}) as answer:
        assert answer.status == 403


async def test_an_administrator_approves_a_newcomer(site: Site, admin: TestClient):
    await site.agent(state="pending")
    csrf = token(await text(admin, "/agents"))
    async with admin.post(f"/agents/{PROBE}/approve?from=list", data={"csrf": csrf}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/agents")
    assert site.acts == [("approve", PROBE, "ada")]


@pytest.mark.parametrize("act", ["approve", "revoke", "message", "run"])
async def test_an_act_without_the_forgery_token_is_refused(site: Site, admin: TestClient, act: str):
    await site.agent(state="pending")
    async with admin.post(f"/agents/{PROBE}/{act}", data={"body": "x"}) as answer:
        assert (answer.status, site.acts) == (403, [])


@pytest.mark.parametrize("act", ["approve", "revoke", "message", "run"])
async def test_an_act_is_never_a_get(site: Site, admin: TestClient, act: str):
    await site.agent()
    assert "That cannot be done here" in await text(admin, f"/agents/{PROBE}/{act}", 405)


async def test_a_message_is_sent_with_its_metadata(site: Site, admin: TestClient):
    await site.agent()
    csrf = token(await text(admin, f"/agents/{PROBE}"))
    fields = {"csrf": csrf, "body": "run", "performative": "request", "metadata": "ontology = probes\n"}
    async with admin.post(f"/agents/{PROBE}/message", data=fields, allow_redirects=False) as answer:
        assert answer.status == 303
    assert site.acts == [("message", PROBE, "run", {"ontology": "probes", "performative": "request"})]


async def test_a_behaviour_is_run_now(site: Site, admin: TestClient):
    await site.agent()
    csrf = token(await text(admin, f"/agents/{PROBE}"))
    async with admin.post(f"/agents/{PROBE}/run", data={"csrf": csrf, "behaviour": "scan"}, allow_redirects=False):
        assert site.acts == [("run", PROBE, "scan")]


async def test_a_message_that_is_refused_is_shown_again_as_it_was_typed(site: Site, admin: TestClient):
    await site.agent()
    csrf = token(await text(admin, f"/agents/{PROBE}"))
    fields = {"csrf": csrf, "body": "scan <again>", "performative": "propose", "metadata": "no equals sign"}
    async with admin.post(f"/agents/{PROBE}/message", data=fields) as answer:
        html = await answer.text()
        assert answer.status == 400
    assert "one name=value a line" in html
    assert "<option selected>propose" in html
    assert "scan &lt;again&gt;</textarea>" in html
    assert "no equals sign</textarea>" in html
    assert site.acts == []


@pytest.mark.parametrize("behaviour", ["", "nothing of the kind"])
async def test_what_an_agent_does_not_do_is_not_run(site: Site, admin: TestClient, behaviour: str):
    await site.agent()
    csrf = token(await text(admin, f"/agents/{PROBE}"))
    async with admin.post(f"/agents/{PROBE}/run", data={"csrf": csrf, "behaviour": behaviour}) as answer:
        assert answer.status == 400
        assert "no such behaviour" in await answer.text()
    assert site.acts == []
    assert await audit.page(site.db, act="agent.run") == []


async def test_messages_show_metadata_and_stanza(site: Site, viewer: TestClient):
    await site.agent()
    await site.message("hello", {"performative": "inform", "ontology": "probes"}, stanza="<message id='7'/>")
    html = await text(viewer, f"/agents/{PROBE}")
    assert "probes" in html
    assert "&lt;message id=" in html


async def test_an_unknown_agent_is_not_found(viewer: TestClient):
    assert "There is nothing here" in await text(viewer, "/agents/nobody@pumpkin.example", 404)


@pytest.mark.parametrize("jid", ["nonsense", "%00@x", "a@b%0Ac", "%F0%9F%8E%83@pumpkin.example", "<b>@x"])
async def test_an_odd_name_is_not_found(viewer: TestClient, jid: str):
    await text(viewer, f"/agents/{jid}", 404)


async def test_checks_are_filtered(site: Site, viewer: TestClient):
    await site.receive(observation(type="dns", detail={"target": "one.example", "status": "ok"}))
    await site.receive(observation(type="tls", detail={"target": "two.example", "status": "warning"}))
    html = await text(viewer, "/checks?status=warning")
    assert ("two.example" in html, "one.example" in html) == (True, False)


async def test_checks_are_paged_by_place(site: Site, viewer: TestClient):
    await site.receive_many([observation(type=f"t{number:03d}") for number in range(60)])
    first = await text(viewer, "/checks")
    older = re.search(r'href="(/checks\?cursor=[^"]+)" rel="next"', first)
    assert older is not None
    second = await text(viewer, older[1].replace("&amp;", "&"))
    assert ("t010" in first, "t010" in second, "t009" in first, "t009" in second) == (True, False, False, True)


async def test_a_wrong_time_is_said_beside_its_field(viewer: TestClient):
    assert "a time is written" in await text(viewer, "/checks?since=yesterday")


@pytest.mark.parametrize("value", ["%00", "%ff", "%ed%a0%80", "'", "%22%3E%3Cscript%3E", "%F0%9F%8E%83", "a" * 500])
async def test_any_parameter_is_only_text(site: Site, viewer: TestClient, value: str):
    names = ("q", "type", "agent", "target", "label", "state", "show", "duty", "tag", "after", "since", "until")
    query = "&".join(f"{name}={value}" for name in names)
    for path in ("/checks", "/agents", "/proofs"):
        assert "<script>" not in await text(viewer, f"{path}?{query}&checkpoints_before={value}&stamps_before={value}")


async def test_a_wrong_cursor_is_said(viewer: TestClient):
    assert "cursor" in await text(viewer, "/checks?cursor=zzz")


async def test_a_check_shows_its_way_from_stored_to_stamped(site: Site, viewer: TestClient):
    one = observation()
    await site.receive_many([observation(), one, observation()])
    assert "waits for the next checkpoint" in await text(viewer, f"/checks/{one.id}")
    head = await site.seal()
    assert "no authority has stamped it yet" in await text(viewer, f"/checks/{one.id}")
    await site.stamp(head)
    html = await text(viewer, f"/checks/{one.id}")
    assert "record 1 reaches the root of the log in 2 steps" in html
    assert "Self-asserted" in html
    assert f'href="/api/v1/checks/{one.id}/bundle"' in html


async def test_a_log_that_does_not_hold_together_is_said(site: Site, viewer: TestClient):
    await site.receive_many([one := observation(), observation()])
    await site.seal()
    async with site.db.writer() as connection:
        await connection.execute("update checks set leaf_hash = '\\x00'")
    assert "does not yield a proof" in await text(viewer, f"/checks/{one.id}")


async def test_the_links_of_a_check_lead_somewhere(site: Site, viewer: TestClient):
    one = observation()
    await site.receive(one)
    await site.stamp(await site.seal())
    html = await text(viewer, f"/checks/{one.id}")
    for link in set(re.findall(r'href="(/[^"#]*)"', html)):
        async with viewer.get(link, allow_redirects=False) as answer:
            assert answer.status in (200, 303, 404 if link.startswith("/agents/") else 200), link


async def test_an_erased_payload_is_said(site: Site, viewer: TestClient):
    from pumpkin.store import checks

    one = observation()
    await site.receive(one)
    await checks.erase(site.db, one.id)
    assert "The payload was erased." in await text(viewer, f"/checks/{one.id}")


async def test_a_run_and_its_result_are_shown(site: Site, viewer: TestClient):
    detail = {
        "run": {"argv": ["nmap", "-oX", "-"], "exit_status": 0, "duration_s": 2.5, "timed_out": False},
        "result": {"parser": "nmap", "version": "1", "data": [{"port": 22, "state": "open"}]},
    }
    one = observation(detail=detail)
    await site.receive(one)
    html = await text(viewer, f"/checks/{one.id}")
    assert "nmap -oX -" in html
    assert "<td><bdi>open</bdi></td>" in html


async def test_proofs_lists_checkpoints_and_stamps(site: Site, viewer: TestClient):
    await site.receive(observation())
    head = await site.seal()
    await site.stamp(head, "tsa.example", own=False)
    html = await text(viewer, "/proofs")
    assert head.root.hex() in html
    assert "tsa.example" in html
    assert site.key.vkey[:40] in html.replace("&#43;", "+")


@pytest.mark.parametrize("place", ["type", "target", "payload", "label", "result", "site", "agent", "message"])
async def test_stored_markup_stays_text(site: Site, admin: TestClient, place: str):
    detail = {
        "target": {"target": EVIL},
        "label": {"labels": {EVIL: EVIL}},
        "result": {"result": {"parser": EVIL, "data": [{EVIL: EVIL}]}, "run": {"argv": [EVIL], "stderr": EVIL}},
        "site": {"site": EVIL},
    }.get(place, {})
    one = observation(
        type=EVIL[:150] if place == "type" else "http",
        payload=EVIL.encode() if place == "payload" else b"{}",
        detail=detail,
    )
    await site.agent(last_error=EVIL if place == "agent" else None)
    if place == "message":
        await site.message(EVIL, {EVIL: EVIL, "performative": EVIL}, stanza=f"<x>{EVIL}</x>")
    await site.receive(one)
    await site.stamp(await site.seal(), authority=EVIL[:60])
    for path in ("/", "/agents", f"/agents/{PROBE}", "/checks", f"/checks/{one.id}", "/proofs"):
        html = await text(admin, path)
        assert "<script>" not in html
        assert "<img src=x" not in html
        assert "\u202e" not in html
        assert "\x1b" not in html


async def test_live_fragments_are_the_insides_of_their_elements(site: Site, viewer: TestClient):
    await site.receive(observation(type="fresh"))
    async with viewer.get("/checks", headers={"Pumpkin-Fragments": "found nothing main"}) as answer:
        fragments = await answer.json()
    assert list(fragments) == ["found"]
    assert "fresh" in fragments["found"]
    assert fragments["found"].strip() in await text(viewer, "/checks")


async def test_a_fragment_for_a_stranger_is_refused_not_redirected(stranger: TestClient):
    async with stranger.get("/checks", headers={"Pumpkin-Fragments": "found"}, allow_redirects=False) as answer:
        assert answer.status == 401


@pytest.mark.parametrize("path", ["/", "/agents", f"/agents/{PROBE}", "/checks", "/proofs"])
async def test_every_live_element_has_its_fragment(site: Site, viewer: TestClient, path: str):
    await site.agent()
    await site.receive(observation())
    html = await text(viewer, path)
    marked = re.findall(r'id="([\w-]+)"[^>]*data-live="', html)
    async with viewer.get(path, headers={"Pumpkin-Fragments": " ".join(marked)}) as answer:
        assert sorted(await answer.json()) == sorted(marked)
    assert marked


async def test_a_missing_page_is_html_and_404(viewer: TestClient):
    assert "There is nothing here" in await text(viewer, "/nowhere/at/all", 404)


async def test_a_fault_shows_only_the_request_id(site: Site, viewer: TestClient):
    site.services.board.__class__  # noqa: B018 - the board below raises on purpose
    object.__setattr__(site.services, "board", lambda: 1 / 0)
    html = await text(viewer, "/", 500)
    assert "division" not in html
    assert "Whoever runs this server finds it in the log by" in html


async def test_an_administrator_makes_a_key_that_works_and_revokes_it(site: Site, admin: TestClient):
    csrf = token(await text(admin, "/settings/keys"))
    fields = [("csrf", csrf), ("name", "ci"), ("scope", "checks:read"), ("rate", "100"), ("days", "")]
    async with admin.post("/settings/keys", data=fields) as answer:
        html = await answer.text()
    key = re.search(r"pk_[a-z0-9]+_[\w-]{20,}", html)
    assert key is not None
    headers = {"Authorization": f"Bearer {key[0]}"}
    async with admin.get("/api/v1/checks", headers=headers) as answer:
        assert answer.status == 200
    assert key[0] not in await text(admin, "/settings/keys")
    revoke = re.search(r'action="(/settings/keys/[^"]+/revoke)"', html)
    assert revoke is not None
    async with admin.post(revoke[1], data={"csrf": csrf}) as answer:
        assert "revoked" in await answer.text()
    async with admin.get("/api/v1/checks", headers=headers) as answer:
        assert answer.status == 401


async def test_an_administrator_rotates_a_key(site: Site, admin: TestClient):
    old, gone = await keys.create(site.db, name="ci", scopes=["packages:write"], rate=7)
    csrf = token(await text(admin, "/settings/keys"))
    async with admin.post(f"/settings/keys/{old.id}/rotate", data={"csrf": csrf}) as answer:
        html = await answer.text()
    shown = re.search(r"pk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", html)
    assert shown
    made = await keys.find(site.db, shown[0])
    assert made is not None
    assert (made.owner, made.rate) == (old.owner, 7)
    assert await keys.find(site.db, gone) is None
    async with admin.post("/settings/keys/nonsense/rotate", data={"csrf": csrf}) as answer:
        assert answer.status == 404


async def test_a_key_without_scope_is_asked_for_again_with_what_was_typed(admin: TestClient):
    csrf = token(await text(admin, "/settings/keys"))
    async with admin.post("/settings/keys", data={"csrf": csrf, "name": "mine", "rate": "7"}) as answer:
        html = await answer.text()
        assert (answer.status, 'value="mine"' in html, 'value="7"' in html) == (400, True, True)


async def test_keys_are_for_administrators(viewer: TestClient):
    assert "You may not do that" in await text(viewer, "/settings/keys", 403)


async def test_sign_in_again_goes_where_one_wanted(site: Site, stranger: TestClient):
    async with stranger.get("/login?next=/checks%3Ftype%3Ddns") as answer:
        html = await answer.text()
    assert 'name="next" value="/checks?type=dns"' in html
    fields = {"csrf": token(html), "name": "vera", "password": PASSWORDS["vera"], "next": "/checks?type=dns"}
    async with stranger.post("/login", data=fields, allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/checks?type=dns"


async def test_two_people_see_their_own_names(site: Site, stranger: TestClient):
    await sign_in(stranger, "otto")
    assert "otto" in await text(stranger, "/")


async def test_a_fault_is_settled_once_and_one_that_is_none_is_not_found(site: Site, admin: TestClient):
    number = await faults.add(site.db, kind="record", position=7, source="audit")
    csrf = token(await text(admin, "/proofs"))
    for one, status in ((number, 303), (number, 303), (number + 1, 404), (0, 404)):
        async with admin.post(f"/proofs/faults/{one}/settle", data={"csrf": csrf}, allow_redirects=False) as answer:
            assert answer.status == status
    assert [one.act for one in await audit.page(site.db, act="log.")] == ["log.settled"]


async def test_the_overview_lists_the_alerts_of_late(site: Site, viewer: TestClient):
    assert "No alert was ever raised." in await text(viewer, "/")
    made = [await raised(site, message=f"shop {n} is down") for n in range(5)]
    made.append(await raised(site, "resolved", message="shop 5 is down"))
    html = await text(viewer, "/")
    listed = html[html.index("alert-head") : html.index("verdict-head")]
    assert re.findall(r"shop (\d) is down", listed) == ["5", "4", "3", "2", "1"]
    assert ">resolved</span>" in listed
    assert f'href="/alerts/{made[-1].id}"' in listed
    assert "<time" in listed
    async with viewer.get("/api/v1/overview") as answer:
        told = (await answer.json())["data"]["alerts"]
    assert [one["state"] for one in told] == ["resolved", *["open"] * 4]
