"""Both shapes of a check, and every way a stranger may get them wrong."""

import base64
import json
from uuid import UUID

import pytest

from pumpkin.errors import InvalidCheck, InvalidJson, PayloadTooLarge
from pumpkin.evidence import record
from pumpkin.model import wire

UID = "0f1c4c0e-7c5e-4d6b-9d62-3d0c3f6e0a11"
OUTPUT = base64.b64encode(b"80/tcp open\n").decode()


def scandale(**changes: object) -> dict[str, object]:
    body = {
        "version": "1",
        "format": "scanning",
        "meta": {"uuid": UID, "ts": 1_681_000_000, "type": "nmap-scan"},
        "payload": {"raw": OUTPUT},
    }
    return {**body, **changes}


def native(**changes: object) -> dict[str, object]:
    return {"id": UID, "type": "http", "format": "json", "payload": {"text": "{}"}, **changes}


def test_the_payload_of_scandale_is_the_text_as_it_came() -> None:
    seen = wire.from_scandale(scandale(), agent="probe@localhost")
    assert seen.payload == OUTPUT.encode()
    assert (seen.id, seen.type, seen.format) == (UUID(UID), "nmap-scan", "scanning")
    assert seen.observed == 1_681_000_000_000_000


def test_an_item_comes_back_as_it_came() -> None:
    meta = {
        "uuid": UID.upper(), "ts": 1_681_000_000.25, "type": "t", "source": "s", "target": "198.51.100.7",
        "status": "ok", "labels": {"a": "b"}, "site": "", "own": {"x": [1, None]},
        "run": {"argv": ["ls"], "exit_status": 0}, "result": {"parser": "json", "version": 1, "data": {"n": 1.5}},
    }  # fmt: skip
    body = scandale(meta=meta, extra=1, payload={"raw": OUTPUT, "note": "n"})
    seen = wire.from_scandale(json.loads(json.dumps(body)), agent="probe@localhost")
    assert wire.to_item(seen) == body
    assert seen.detail["run"] == {"argv": ["ls"], "exit_status": 0}
    assert "site" not in seen.detail


@pytest.mark.parametrize(
    ("ts", "micros"),
    [
        (0, 0),
        (1_681_000_000.350616, 1_681_000_000_350_616),
        ("2026-11-21T02:47:44.350616Z", 1_795_229_264_350_616),
        ("2026-11-21t03:47:44.3506169+01:00", 1_795_229_264_350_616),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
    ],
)
def test_a_time_is_read_to_the_microsecond(ts: object, micros: int) -> None:
    assert wire.microseconds(ts) == micros


NO_TIMES = [
    True,
    None,
    -1,
    1e300,
    1e303,
    -1.7e308,
    float("nan"),
    10**30,
    "yesterday",
    "2026-13-01T00:00:00Z",
    [],
    "1681",
]


@pytest.mark.parametrize("ts", [*NO_TIMES, "2026-11-21"])
def test_what_is_no_time_is_refused(ts: object) -> None:
    with pytest.raises(InvalidCheck) as refused:
        wire.from_scandale(scandale(meta={"uuid": UID, "ts": ts, "type": "t"}), agent="a@b")
    assert refused.value.fields is not None
    assert "meta.ts" in refused.value.fields


@pytest.mark.parametrize("raw", ["a", "YQ", "YQ==\n", "Y Q==", "YQ==YQ==", "é", "_-8=", 7, None, "\x00"])
def test_base64_is_strict(raw: object) -> None:
    with pytest.raises(InvalidCheck) as refused:
        wire.from_scandale(scandale(payload={"raw": raw}), agent="a@b")
    assert refused.value.fields is not None
    assert "payload.raw" in refused.value.fields


@pytest.mark.parametrize(
    "meta",
    [
        {"uuid": "nope"},
        {"uuid": 5},
        {"uuid": f"{{{UID}}}"},
        {"type": ""},
        {"type": "x" * 201},
        {"type": "a\nb"},
        {"type": "\ud800"},
        {"status": "fine"},
        {"target": "a\x00b"},
        {"labels": {"a": 1}},
        {"labels": {"ä": "1"}},
        {"labels": {str(n): "" for n in range(65)}},
        {"result": {"parser": "json", "version": 1, "data": 2**60}},
        {"result": {"parser": "json", "version": 1, "data": float("inf")}},
        {"result": {"parser": "json", "version": 1, "data": "x" * 300_000}},
        {"run": {"stderr": "x" * 20_000}},
        {"run": {"surprise": 1}},
        {"own": "x" * 70_000},
        {"own": "\x00"},
    ],
)
def test_a_wrong_meta_is_refused(meta: dict[str, object]) -> None:
    body = scandale(meta={"uuid": UID, "ts": 1, "type": "t", **meta})
    with pytest.raises(InvalidCheck):
        wire.from_scandale(body, agent="a@b")


@pytest.mark.parametrize("body", [{}, {"meta": 5}, {"meta": []}, {"payload": "x", "meta": None}])
def test_a_body_of_another_shape_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(InvalidCheck):
        wire.from_any(body, agent="a@b")


def test_deep_nesting_is_refused_not_followed() -> None:
    deep: object = 1
    for _ in range(60):
        deep = [deep]
    with pytest.raises(InvalidCheck):
        wire.from_native(native(result={"parser": "json", "version": 1, "data": deep}), agent="a@b")
    with pytest.raises(InvalidJson):
        wire.parse_json("[" * 100_000)


def test_a_native_payload_is_its_decoded_bytes() -> None:
    seen = wire.from_native(native(payload={"base64": OUTPUT, "media": "text/plain"}), agent="key:pk_1")
    assert seen.payload == b"80/tcp open\n"
    assert seen.media == "text/plain"
    assert wire.from_native(native(payload={"text": "ä"}), agent="a@b").payload == "ä".encode()


def test_a_native_check_without_id_and_time_gets_both() -> None:
    seen = wire.from_native({"type": "t", "payload": {"text": "x"}}, agent="a@b", now=42)
    assert seen.observed == 42
    assert seen.id.version == 4


@pytest.mark.parametrize(
    "change",
    [
        {"payload": {}},
        {"payload": {"text": "a", "base64": ""}},
        {"payload": {"text": "\ud800"}},
        {"payload": {"text": "a", "media": "not a media type"}},
        {"after": "00"},
        {"signature": "zz" * 64},
        {"surprise": 1},
        {"kind": "report"},
        {"proof": "maybe"},
    ],
)
def test_a_wrong_native_check_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidCheck):
        wire.from_native(native(**change), agent="a@b")


def test_what_a_probe_sends_gives_the_same_observation() -> None:
    seen = wire.from_native(
        native(after="AB" * 32, target="198.51.100.7", proof="direct", observed="2026-11-21T02:47:44.350616Z"),
        agent="a@b",
    )
    assert wire.from_native(wire.to_native(seen), agent="a@b") == seen
    assert seen.after == "ab" * 32


def test_a_native_check_is_shown_in_the_old_shape() -> None:
    seen = wire.from_native(native(observed=1.5, target="x"), agent="a@b")
    assert wire.to_item(seen) == {
        "version": "1",
        "format": "json",
        "meta": {"uuid": UID, "ts": 1.5, "type": "http", "target": "x"},
        "payload": {"raw": base64.b64encode(b"{}").decode()},
    }


def test_more_than_ten_mebibytes_is_too_large() -> None:
    big = base64.b64encode(bytes(10 * 1024 * 1024 + 3)).decode()
    with pytest.raises(PayloadTooLarge):
        wire.from_scandale(scandale(payload={"raw": big}), agent="a@b")
    with pytest.raises(PayloadTooLarge):
        wire.from_native(native(payload={"text": "x" * (10 * 1024 * 1024 + 1)}), agent="a@b")


@pytest.mark.parametrize("text", [b"\xff", b"{", b"[]", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"", b"null"])
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidJson):
        wire.parse_json(text)


LATER = {"later": [1, None], "run": {"rss": 7}, "payload": {"page": 2}}


def test_what_a_newer_agent_adds_is_kept_apart_and_committed_to() -> None:
    body = native(later=[1, None], run={"argv": ["ls"], "rss": 7}, payload={"text": "{}", "page": 2}, status="ok")
    seen = wire.from_agent(body, agent="probe@localhost")
    assert seen.detail == {"status": "ok", "run": {"argv": ["ls"]}, "unread": LATER}
    assert sorted(wire.unread(seen.detail)) == ["later", "payload.page", "run.rss"]
    assert seen.payload == b"{}"
    other = wire.from_agent({**body, "later": [2, None]}, agent="probe@localhost")
    made = [record.make(one, 1, salt=b"s" * 16, payload_salt=b"p" * 32) for one in (seen, other)]
    assert made[0].record != made[1].record
    assert made[0].content != made[1].content


def test_inside_meta_too_and_what_is_open_there_comes_back_where_it_stood() -> None:
    meta = {"uuid": UID, "ts": 1, "type": "t", "own": 1, "result": {"parser": "p", "version": 1, "unit": "s"}}
    seen = wire.from_agent(scandale(meta=meta), agent="probe@localhost")
    assert seen.detail == {"result": {"parser": "p", "version": 1}, "unread": {"result": {"unit": "s"}}}
    assert wire.to_item(seen)["meta"]["own"] == 1


@pytest.mark.parametrize(
    ("agent", "body", "field"),
    [
        ("key:pk_12345678", native(later=1), "later"),
        ("user:ada", native(run={"later": 1}), "run.later"),
        ("probe@localhost", native(later=1, status="green"), "status"),
        ("probe@localhost", native(later=float("nan")), "later"),
        ("probe@localhost", native(later="x" * 70_000), "later"),
        ("probe@localhost", native(later=1, payload={"page": 1}), "payload"),
    ],
)
def test_what_is_wrong_stays_wrong(agent: str, body: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidCheck) as refused:
        wire.from_agent(body, agent=agent)
    assert field in (refused.value.fields or {})
