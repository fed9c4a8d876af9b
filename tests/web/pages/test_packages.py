"""The pages of packages: form, queue, an analysis, its report with the verdict first; hostile text stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.model.tasks import Ending, Submission
from pumpkin.store import reports, tasks
from pumpkin.store.database import sql_folder
from pumpkin.web import routes
from pumpkin.web.pages.packages import SHOWN
from pumpkin.web.services import Packages
from tests.web.analysis.conftest import resolve, small_report
from tests.web.pages.site import Site, sign_in

EVIL = "<script>alert(1)</script>"


async def _submit(site: Site, wish: Any) -> Any:
    (decided,) = await tasks.submit(site.db, [wish])
    return decided


@pytest.fixture
async def client(site: Site) -> Any:
    """Otto, who may hand packages in."""
    packages = Packages(
        submit=lambda wish: _submit(site, wish),
        resolve=resolve,
        tools=lambda: ("static",),
        no_engine=lambda: f"no engine {EVIL}",
        upload=lambda digest, name, content: tasks.keep_upload(site.db, digest, name, content),
    )
    root = sql_folder().parent
    app = routes.application(
        replace(site.services, packages=packages), templates=root / "templates", static=root / "static"
    )
    async with TestClient(TestServer(app)) as made:
        await sign_in(made, "otto")
        yield made


async def _token(client: TestClient[Any, Any]) -> str:
    async with client.get("/packages") as answer:
        found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
        assert answer.status == 200
    assert found
    return found[1]


async def test_a_package_is_handed_in_and_followed_to_its_report(client: TestClient[Any, Any], site: Site) -> None:
    token = await _token(client)
    form = {"purl": "pkg:pypi/thing@1.0", "priority": "3", "csrf": token}
    async with client.post("/packages", data=form) as answer:
        text = await answer.text()
        assert answer.status == 200
        assert re.search(r"/packages/tasks/[0-9a-f-]{36}\Z", str(answer.url))
    assert "number 1 of those that wait" in text
    async with client.get("/packages") as answer:
        listed = await answer.text()
    assert "pkg:pypi/thing@1.0" in listed
    assert EVIL not in listed
    (task,) = await tasks.claim(site.db, "n1")
    report, ending = small_report(task, "malicious")
    number = await reports.finish(site.db, task, report, ending)
    async with client.get(f"/packages/reports/{number}") as answer:
        shown = await answer.text()
        assert answer.status == 200
    assert shown.index("Verdict") < shown.index("Findings")
    assert "malicious" in shown
    async with client.get(f"/packages/tasks/{task.id}") as answer:
        assert f"/packages/reports/{number}" in await answer.text()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"purl": "nonsense"}, "valid package URL"),
        ({"purl": EVIL}, "package URL"),
        ({"purl": "pkg:pypi/thing@1", "priority": "x"}, "priority"),
        ({"purl": "pkg:pypi/gone"}, "no such package"),
        ({"purl": ""}, "required"),
    ],
)
async def test_what_will_not_do_is_said_beside_the_field(
    client: TestClient[Any, Any], form: dict[str, str], said: str
) -> None:
    async with client.post("/packages", data={**form, "csrf": await _token(client)}) as answer:
        text = await answer.text()
        assert 400 <= answer.status < 500
    assert 'role="alert"' in text
    assert EVIL not in text


async def test_a_form_of_another_site_is_refused(client: TestClient[Any, Any], site: Site) -> None:
    async with client.post("/packages", data={"purl": "pkg:pypi/thing@1.0", "csrf": "forged"}) as answer:
        assert answer.status == 403
    data = FormData({"csrf": "forged"})
    data.add_field("file", b"PK", filename="a-1.0.zip")
    async with client.post("/packages/upload", data=data) as answer:
        assert answer.status == 403
    assert await tasks.length(site.db) == 0


async def test_an_archive_is_handed_in_by_the_page_and_cancelled(client: TestClient[Any, Any], site: Site) -> None:
    token = await _token(client)
    data = FormData({"csrf": token, "ecosystem": "pypi"})
    data.add_field("file", b"PK\x03\x04", filename="thing-1.0.zip")
    async with client.post("/packages/upload", data=data) as answer:
        assert answer.status == 200
        assert "thing" in await answer.text()
    (task,) = await tasks.waiting(site.db, 5)
    assert task.realm == "user:otto"
    async with client.post(f"/packages/tasks/{task.id}/cancel", data={"csrf": token}) as answer:
        assert "cancelled" in await answer.text()
    assert await tasks.length(site.db) == 0


async def test_what_a_package_says_of_itself_is_shown_as_text(client: TestClient[Any, Any], site: Site) -> None:
    token = await _token(client)
    await (await client.post("/packages", data={"purl": "pkg:pypi/thing@1.0", "csrf": token})).read()
    (task,) = await tasks.claim(site.db, "n1")
    report, ending = small_report(task, "suspicious")
    hostile = report.document.replace(b'"nothing"', b'"' + EVIL.encode() + b'"')
    number = await reports.finish(site.db, task, replace(report, document=hostile, check_id=uuid4()), ending)
    async with client.get(f"/packages/reports/{number}") as answer:
        text = await answer.text()
    assert EVIL not in text
    assert "&lt;script&gt;" in text
    failed = Ending("install_failed", category="analysis_error", message=EVIL, details=EVIL)
    await (await client.post("/packages", data={"purl": "pkg:pypi/b@1.0", "csrf": token})).read()
    (other,) = await tasks.claim(site.db, "n1")
    await tasks.end(site.db, other, failed)
    async with client.get(f"/packages/tasks/{other.id}") as answer:
        assert EVIL not in await answer.text()


async def _other(site: Site, owner: str, count: int) -> None:
    """Uploads of somebody else, each private."""
    await tasks.submit(
        site.db,
        [
            Submission(owner, "upload", f"pkg:pypi/secret-{n}@1.0", "pypi", f"secret-{n}", "1.0", "static", realm=owner)
            for n in range(count)
        ],
    )


async def test_what_others_keep_private_takes_no_place_in_the_list(client: TestClient[Any, Any], site: Site) -> None:
    token = await _token(client)
    for n in range(SHOWN + 2):
        await (await client.post("/packages", data={"purl": f"pkg:pypi/thing-{n}@1.0", "csrf": token})).read()
    await _other(site, "user:ada", SHOWN + 5)
    async with client.get("/packages") as answer:
        first = await answer.text()
    assert "secret-" not in first
    assert "thing-21@" in first
    older = re.search(r'href="(/packages\?before=\d+)" rel="next"', first)
    assert older
    async with client.get(older[1]) as answer:
        rest = await answer.text()
    table = rest[rest.index("recent-head") :]
    assert re.findall(r"thing-(\d+)@", table) == ["1", "0"]
    assert "Newest" in table
    twin = re.search(r'type="application/json" href="([^"]+)"', rest)
    assert twin
    async with client.get(twin[1]) as answer:
        items = (await answer.json())["data"]["items"]
    assert [one["package_name"] for one in items] == ["thing-1", "thing-0"]
    async with client.get("/packages?q=THING-7") as answer:
        found = await answer.text()
    assert re.findall(r"thing-(\d+)@", found[found.index("recent-head") :]) == ["7"]
    assert 'value="THING-7"' in found


async def test_an_upload_is_followed_by_its_owner_alone(client: TestClient[Any, Any], site: Site) -> None:
    await _other(site, "user:ada", 1)
    (task,) = await tasks.waiting(site.db, 1)
    for name in (task.id, task.uuid):
        async with client.get(f"/packages/tasks/{name}") as answer:
            assert answer.status == 404
            assert "secret-0" not in await answer.text()
    async with client.get("/packages") as answer:  # its uuid opens it to whoever knows it, by the API
        text = await answer.text()
    assert "an upload" in text
    assert str(task.uuid) not in text
    client.session.cookie_jar.clear()
    await sign_in(client, "ada")
    async with client.get(f"/packages/tasks/{task.uuid}") as answer:
        assert answer.status == 200


async def test_what_was_ticked_is_kept_when_it_is_refused(client: TestClient[Any, Any]) -> None:
    form = {"purl": "nonsense", "force": "on", "csrf": await _token(client)}
    async with client.post("/packages", data=form) as answer:
        assert 'name="force" checked' in await answer.text()


async def test_the_phases_of_a_run_are_told_as_they_come(client: TestClient[Any, Any], site: Site) -> None:
    wish = Submission(
        owner="user:ada", asked="pkg:pypi/a@1", purl="pkg:pypi/a@1", ecosystem="pypi", name="a", version="1",
        tools="dynamic",
    )  # fmt: skip
    (decided,) = await tasks.submit(site.db, [wish])
    (task,) = await tasks.claim(site.db, "n1")
    for phase, said in (("install", ["now", "to come", "to come"]), ("import", ["done", "now", "to come"])):
        await tasks.note(site.db, [tasks.Note(task, phase, None)])
        async with client.get(f"/packages/tasks/{decided.uuid}") as answer:
            text = await answer.text()
        steps = text.partition('aria-label="Phases"')[2].partition("</ol>")[0]
        assert re.findall(r'<span class="mark \w+">([^<]+)</span>', steps) == said


async def test_a_plain_name_is_offered_to_be_looked_up(client: TestClient[Any, Any]) -> None:
    async with client.post("/packages", data={"purl": "six & <b>", "csrf": await _token(client)}) as answer:
        assert (
            '<a href="/packages/find?q=six+%26+%3Cb%3E">Look <bdi>six &amp; &lt;b&gt;</bdi> up</a>'
            in await answer.text()
        )
