import json
import struct
from hashlib import sha256
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from pumpkin.errors import InvalidCheck
from pumpkin.evidence import record
from pumpkin.model.checks import Observation

ID = UUID("9b4a4a4c-8a0e-4a3f-9f25-6a1a5c1d2e3f")
SEEN = Observation(ID, "http", "json", "probe@localhost", 1_700_000_000_000_000, b"payload", "text/plain")

SAFE = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | SAFE | TEXT | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_canonical_bytes_equal_those_of_the_rfc8785_package(value):
    assert record.canonical(value) == rfc8785.dumps(value)


@given(st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0]))
def test_every_double_is_written_as_javascript_does(number):
    if number == number and abs(number) != float("inf"):
        assert record.canonical([number]) == rfc8785.dumps([number])


def test_the_number_samples_of_rfc8785_appendix_b():
    samples = {
        0x0000000000000001: b"5e-324",
        0x7FEFFFFFFFFFFFFF: b"1.7976931348623157e+308",
        0x44B52D02C7E14AF5: b"9.999999999999997e+22",
        0x44B52D02C7E14AF6: b"1e+23",
        0x444B1AE4D6E2EF4E: b"999999999999999700000",
        0x444B1AE4D6E2EF50: b"1e+21",
        0x3EB0C6F7A0B5ED8C: b"9.999999999999997e-7",
        0x3EB0C6F7A0B5ED8D: b"0.000001",
        0x8000000000000000: b"0",
    }
    for bits, text in samples.items():
        assert record.canonical(struct.unpack(">d", struct.pack(">Q", bits))[0]) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**53), "\ud800", {"\udc00": 1}, {1: 2}, b"x"])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(ValueError):
        record.canonical(value)


def test_a_detail_that_went_through_jsonb_keeps_its_canonical_form():
    came = {"result": {"data": [1.0, 1e22, 0.1]}}
    from_jsonb = {"result": {"data": [1, 10**22, 0.1]}}
    assert record.canonical_detail(came) == record.canonical_detail(from_jsonb)


@given(TEXT, TEXT, SAFE, st.binary(max_size=20))
def test_the_fast_encoder_writes_the_rfc_s_bytes(kind, agent, observed, payload):
    sealed = record.make(Observation(ID, kind, "raw", agent, observed, payload), 7)
    assert sealed.record == rfc8785.dumps(json.loads(sealed.record))


def test_a_record_holds_every_key_and_only_salted_digests():
    sealed = record.make(SEEN, 5, salt=b"\1" * 16, payload_salt=b"\2" * 32)
    body = record.parse(sealed.record)
    assert body == {
        "v": "pumpkin-record/1",
        "id": str(ID),
        "kind": "check",
        "type": "http",
        "format": "json",
        "source": {"agent": "probe@localhost", "key_id": None},
        "observed": SEEN.observed,
        "received": 5,
        "after": None,
        "payload": {"commit": sha256(b"\2" * 32 + b"payload").hexdigest(), "size": 7, "media": "text/plain"},
        "detail": None,
        "sig": None,
        "salt": "01" * 16,
    }
    assert sealed.payload_hash.hex() not in sealed.record.decode()
    assert sealed.leaf_hash == sha256(b"\0" + sealed.record).digest()
    members = sorted([sha256(sealed.record).digest(), sha256(b"payload").digest()])
    assert sealed.group_hash == sha256(b"".join(members)).digest()


def test_the_record_commits_to_its_detail():
    seen = Observation(ID, "http", "json", "p@x", 1, b"", detail={"status": "ok", "labels": {"é": "1"}})
    sealed = record.make(seen, 5)
    expected = sha256(sealed.payload_salt + rfc8785.dumps({"labels": {"é": "1"}, "status": "ok"})).hexdigest()
    assert record.parse(sealed.record)["detail"] == expected


def test_content_tells_equal_deliveries_from_others():
    first, again = record.make(SEEN, 1), record.make(SEEN, 2)
    assert first.content == again.content
    assert first.record != again.record
    for change in ({"payload": b"other"}, {"type": "dns"}, {"observed": 3}, {"detail": {"status": "ok"}}):
        members = {name: getattr(SEEN, name) for name in ("id", "type", "format", "agent", "observed", "payload")}
        assert record.make(Observation(**{**members, "media": SEEN.media, **change}), 1).content != first.content


def test_a_probe_signs_what_it_observed_not_what_the_server_adds():
    signed = record.signed_bytes(SEEN)
    assert signed.startswith(b"pumpkin-observation/1\n")
    assert json.loads(signed.partition(b"\n")[2]) == {
        "v": "pumpkin-record/1",
        "id": str(ID),
        "kind": "check",
        "type": "http",
        "format": "json",
        "source": {"agent": "probe@localhost"},
        "observed": SEEN.observed,
        "after": None,
        "payload_sha256": sha256(b"payload").hexdigest(),
    }


def test_a_record_past_the_entry_bundle_s_limit_is_refused():
    with pytest.raises(InvalidCheck):
        record.make(Observation(ID, "t" * 65_536, "f", "p@x", 1, b""), 1)


def test_a_detail_without_canonical_form_is_refused():
    with pytest.raises(InvalidCheck):
        record.make(Observation(ID, "t", "f", "p@x", 1, b"", detail={"result": float("nan")}), 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 60_000,
        b"x" * 70_000,
        record.make(SEEN, 5).record + b" ",
        record.make(SEEN, 5).record.replace(b'"received":5', b'"received":5.0'),
        record.make(SEEN, 5).record.replace(b'"received":5', b'"received":true'),
        record.make(SEEN, 5).record.replace(b'"after":null', b'"after":"xyz"'),
        record.make(SEEN, 5).record.replace(b"pumpkin-record/1", b"pumpkin-record/2"),
        record.make(SEEN, 5).record.replace(b'"sig":null', b'"sig":null,"sig":null'),
    ],
)
def test_what_is_no_record_is_refused(data):
    with pytest.raises(ValueError):
        record.parse(data)
