"""Modules over HTTP: signed, escaped, judged by status; nothing but the configured origin is asked, nothing large
read."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from pumpkin.adapters import modules
from pumpkin.adapters.modules import Away, Failed, Place, Refused
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.errors import StartError
from tests.adapters.modules.conftest import EVIL, Make, Target, item

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


async def test_a_webhook_is_signed_so_that_the_standards_own_library_takes_it(target: Target, module: Make) -> None:
    hook = await module("webhook", target.url("/hook?team=a"), secret=SECRET)
    one = item()
    await hook.deliver([one])
    await hook.deliver([one])
    (method, path, headers, body), (_, _, again, _) = target.asked
    assert (method, path) == ("POST", "/hook?team=a")
    said = Webhook(SECRET).verify(body.decode(), {name.lower(): value for name, value in headers.items()})
    assert said["id"] == headers["webhook-id"] == again["webhook-id"] == str(one.id)
    assert said["url"] == "https://pumpkin.example/checks/1"
    assert said["data"]["payload"]["text"] == EVIL
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.decode() + " ", {name.lower(): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Refused) for status in (400, 413, 422)),
        *((status, Failed) for status in (418, 500)),
        *((status, Away) for status in (302, 401, 403, 404, 429, 502, 503, 504)),
    ],
)
async def test_a_status_says_what_becomes_of_the_item(
    target: Target, module: Make, status: int, kind: type[Exception]
) -> None:
    hook = await module("webhook", target.url(), secret=SECRET)
    target.answers = [web.Response(status=status, text=EVIL, headers={"Location": "http://169.254.169.254/"})]
    with pytest.raises(kind) as caught:
        await hook.deliver([item()])
    assert len(target.asked) == 1, "no redirection is followed"
    assert not set("\r\n\x1b\u202e") & set(str(caught.value))


async def test_what_a_target_asks_for_by_retry_after_is_handed_on(target: Target, module: Make) -> None:
    hook = await module("webhook", target.url(), secret=SECRET)
    later = formatdate(time.time() + 120, usegmt=True)
    for given, most in (("7", 7), ("999999999", 86_400), (later, 121), ("soon", None)):
        target.answers = [web.Response(status=429, headers={"Retry-After": given})]
        with pytest.raises(Away) as caught:
            await hook.deliver([item()])
        after = caught.value.after_s
        assert after is None if most is None else after is not None and most - 5 <= after <= most


async def test_an_answer_without_end_is_not_read_whole(target: Target, module: Make) -> None:
    hook = await module("webhook", target.url(), secret=SECRET)
    target.answers = [web.Response(body=b"x" * (3 * 1024 * 1024))]
    with pytest.raises(Failed, match="longer"):
        await hook.deliver([item()])


@pytest.fixture
async def babbler() -> AsyncIterator[str]:
    """A server that speaks no HTTP."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\x00\xffSSH-2.0 what?\r\n" * 100)
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    server.close()


async def test_garbage_and_silence_are_said_so(babbler: str, module: Make) -> None:
    with pytest.raises(Failed, match="not answer in HTTP"):
        await (await module("webhook", babbler, secret=SECRET)).deliver([item()])
    with pytest.raises(Away, match="cannot be reached"):
        await (await module("webhook", "http://127.0.0.1:1/", secret=SECRET)).deliver([item()])


async def test_a_certificate_is_verified(certificates: Certificates, module: Make) -> None:
    served = Target()
    await served.start(certificates.context())
    try:
        url = f"https://localhost:{served.server.port}/"  # type: ignore[union-attr]
        with pytest.raises(Away, match="certificate does not verify"):
            await (await module("webhook", url, secret=SECRET)).deliver([item()])
        assert served.asked == []
        hook = await module("webhook", url, secret=SECRET, ca=str(certificates.ca_path))
        await hook.deliver([item()])
        assert len(served.asked) == 1
    finally:
        await served.close()


@pytest.mark.parametrize(
    ("kind", "target", "options", "words"),
    [
        ("webhook", "https://x.example/", {"secret": "short"}, "option secret"),
        ("webhook", "https://x.example/", {}, "option secret"),
        ("webhook", "ftp://x.example/", {"secret": SECRET}, "target"),
        ("webhook", "https://me:pw@x.example/", {"secret": SECRET}, "target"),
        ("webhook", "https://x.example/", {"secret": SECRET, "unknown": 1}, "option unknown"),
        ("webhook", "https://x.example/", {"secret": "file:/does/not/exist"}, "file of the option secret"),
        ("webhook", "https://x.example/", {"secret": "${NOT_SET_ANYWHERE}"}, "NOT_SET_ANYWHERE"),
        ("webhook", "https://x.example/", {"secret": SECRET, "headers": {"a": "b\r\nc: d"}}, "headers"),
        ("webhook", "https://x.example/", {"secret": SECRET, "ca": "/does/not/exist"}, "option ca"),
        ("matrix", "https://x.example/", {"room": "no room", "token": "t"}, "option room"),
        ("elasticsearch", "https://x.example/", {"index": "../_all"}, "option index"),
        ("misp", "https://x.example/", {"key": "a b\n"}, "option key"),
        ("taxii", "https://x.example/", {"collection": "../.."}, "option collection"),
        ("email", "smtp://x.example", {"sender": "a@b\r\nBcc: c", "to": ["a@b"]}, "option sender"),
        ("email", "smtp://x.example", {"sender": "a@b", "to": ["a@b"], "tls": "none", "user": "u"}, "clear"),
        ("syslog", "gopher://x.example", {}, "target"),
        ("postgresql", "mysql://x.example", {}, "target"),
        ("nothing", "x", {}, "kind nothing"),
    ],
)
def test_wrong_settings_are_one_sentence_without_the_secret(
    tmp_path: Any, kind: str, target: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(StartError) as caught:
        modules.make(kind, Place("mine", target, tmp_path), options)
    assert words in caught.value.message
    assert "mine" in caught.value.message
    assert SECRET not in caught.value.message


async def test_secrets_come_from_files_and_the_environment(
    tmp_path: Any, target: Target, module: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    for given in (f"file:{tmp_path}/secret", "${HOOK_SECRET}"):
        await (await module("webhook", target.url(), secret=given)).deliver([item()])
    for _, _, headers, body in target.asked:
        Webhook(SECRET).verify(body.decode(), {name.lower(): value for name, value in headers.items()})


async def test_slack_is_sent_text_that_marks_nothing_up_and_calls_nobody(target: Target, module: Make) -> None:
    chat = await module("slack", target.url("/services/T0/B0/token"))
    await chat.deliver([item()])
    (_, path, headers, body) = target.asked[0]
    assert path == "/services/T0/B0/token"
    assert headers["Content-Type"] == "application/json"
    text = json.loads(body)["text"]
    assert re.findall(r"<([^>]*)>", text) == ["https://pumpkin.example/checks/1|open"], "our link is the only markup"
    assert "&lt;!channel&gt;" in text
    assert "*bold*" not in text
    assert not set("\r\n\x00\x1b\u202e") & set(text)


async def test_a_matrix_room_gets_each_item_under_its_own_transaction(target: Target, module: Make) -> None:
    target.usual = lambda *_: web.json_response({"event_id": "$1"})
    chat = await module("matrix", target.url(), room="!room:example.org", token="syt_secret")
    one = item()
    await chat.deliver([one])
    method, path, headers, body = target.asked[0]
    assert (method, headers["Authorization"]) == ("PUT", "Bearer syt_secret")
    assert path == f"/_matrix/client/v3/rooms/%21room%3Aexample.org/send/m.room.message/{one.id}"
    said = json.loads(body)
    assert (said["msgtype"], said["format"]) == ("m.notice", "org.matrix.custom.html")
    tags: list[tuple[str, Any]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            tags.append((tag, attrs))

    Tags().feed(said["formatted_body"])
    assert tags == [("a", [("href", "https://pumpkin.example/checks/1")])]
    target.answers = [web.json_response({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2_500}, status=429)]
    with pytest.raises(Away) as caught:
        await chat.deliver([item()])
    assert caught.value.after_s == 2.5


class Bulk:
    """The bulk API of an Elasticsearch, as far as a writer sees it: strict lines, ids, a status for each."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], dict[str, Any]] = {}
        self.refuse: dict[str, int] = {}

    def answer(self, request: web.Request, body: bytes) -> web.Response:
        assert (request.path, request.headers["Content-Type"]) == ("/_bulk", "application/x-ndjson")
        assert body.endswith(b"\n")
        lines = body[:-1].split(b"\n")
        assert len(lines) % 2 == 0
        rows = []
        for action, source in zip(lines[::2], lines[1::2], strict=True):
            ((verb, about),) = json.loads(action).items()
            assert verb == "create"
            key = (about["_index"], about["_id"])
            status = self.refuse.get(about["_id"]) or (409 if key in self.documents else 201)
            row: dict[str, Any] = {**about, "status": status}
            if status >= 400:
                row["error"] = {"type": "some_exception", "reason": EVIL}
            else:
                self.documents[key] = json.loads(source)
            rows.append({verb: row})
        wrong = any(row["create"]["status"] >= 400 for row in rows)
        return web.json_response({"took": 1, "errors": wrong, "items": rows})


async def test_elasticsearch_takes_many_at_once_each_once(target: Target, module: Make) -> None:
    bulk = Bulk()
    target.usual = bulk.answer
    search = await module("elasticsearch", target.url(), index="pumpkin-%Y.%m.%d", user="u", password="p")
    several = [item(time=1_795_000_000_000_000) for _ in range(5)]
    assert await search.deliver(several) is None
    assert await search.deliver(several) == [None] * 5, "there already is delivered, too"
    assert set(bulk.documents) == {("pumpkin-2026.11.18", str(one.id)) for one in several}
    found = bulk.documents["pumpkin-2026.11.18", str(several[0].id)]
    assert found["@timestamp"] == "2026-11-18T11:06:40Z"
    assert found["data"]["payload"]["text"] == EVIL
    assert target.asked[0][2]["Authorization"] == "Basic dTpw"


async def test_elasticsearch_says_of_each_item_what_became_of_it(target: Target, module: Make) -> None:
    bulk = Bulk()
    target.usual = bulk.answer
    search = await module("elasticsearch", target.url(), api_key="k")
    several = [item() for _ in range(4)]
    bulk.refuse = {str(several[1].id): 400, str(several[2].id): 429, str(several[3].id): 500}
    outcomes = await search.deliver(several)
    assert outcomes is not None
    assert [type(one) for one in outcomes] == [type(None), Refused, Away, Failed]
    assert target.asked[0][2]["Authorization"] == "ApiKey k"
    for garbage in ("{}", "[1]", '{"items": [1, 2, 3]}', "<html>", '{"items": [{"create": {}}, 1, 2, 3]}'):
        target.answers = [web.Response(text=garbage)]
        try:
            answers = await search.deliver(several)
        except Failed:
            continue
        assert answers is not None
        assert all(isinstance(one, Failed) for one in answers)


async def test_links_are_left_out_where_no_address_of_ours_is_known(target: Target, module: Make) -> None:
    chat = await module("slack", target.url(), link="")
    await chat.deliver([item(id=uuid4(), subject="calm")])
    assert json.loads(target.asked[0][3])["text"] == "🔴 calm"
