"""What our agents write is read back; what strangers write is bounded."""

import base64
import zlib
from uuid import uuid4
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest

from pumpkin.adapters import stanzas
from pumpkin.errors import Backpressure, CheckConflict, InvalidCheck, InvalidJson, PayloadTooLarge, PumpkinError

BODY = {"id": str(uuid4()), "type": "t", "payload": {"text": "x"}}


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_check_is_read_back(size: int) -> None:
    body = {**BODY, "payload": {"text": "x" * size}}
    iq = fromstring(tostring(stanzas.check_iq(body, "a@b/c")))
    assert (iq[0].get("enc") is not None) == (size > 1)
    assert stanzas.read_check(iq[0]) == body


def check(text: str, **attributes: str) -> Element:
    element = Element("{urn:pumpkin:check:0}check", attributes)
    element.text = text
    return element


def squeezed(data: bytes, wbits: int = -15) -> str:
    engine = zlib.compressobj(9, wbits=wbits)
    return base64.b64encode(engine.compress(data) + engine.flush()).decode()


def test_zlibs_header_is_read_too() -> None:
    assert stanzas.read_check(check(squeezed(b"{}", 15), enc="deflate+base64")) == {}


@pytest.mark.parametrize(
    ("element", "error"),
    [
        (check(""), InvalidJson),
        (check("[]"), InvalidJson),
        (check("{}", enc="gzip"), InvalidCheck),
        (check("!!", enc="deflate+base64"), InvalidCheck),
        (check(base64.b64encode(b"\xff" * 40).decode(), enc="deflate+base64"), InvalidCheck),
        (check(squeezed(b"{}")[:4], enc="deflate+base64"), InvalidCheck),
        (check(squeezed(b" " * (17 * 1024 * 1024)), enc="deflate+base64"), PayloadTooLarge),
        (check('{"id": "a"}', id="b"), InvalidCheck),
    ],
)
def test_a_hostile_check_is_refused(element: Element, error: type[PumpkinError]) -> None:
    with pytest.raises(error):
        stanzas.read_check(element)


@pytest.mark.parametrize(
    ("error", "condition", "kind"),
    [
        (InvalidCheck("why <x>"), "bad-request", "modify"),
        (CheckConflict(), "conflict", "cancel"),
        (PayloadTooLarge(), "policy-violation", "modify"),
        (Backpressure(), "resource-constraint", "wait"),
        (PumpkinError(), "internal-server-error", "wait"),
    ],
)
def test_a_refusal_says_why_in_xmpps_words_and_ours(error: PumpkinError, condition: str, kind: str) -> None:
    request = Element("{jabber:client}iq", {"type": "set", "id": "1", "from": "a@b/c"})
    answer = fromstring(tostring(stanzas.refusal(request, error)))
    found = stanzas.read_error(answer)
    assert (answer.get("to"), answer.get("id")) == ("a@b/c", "1")
    assert (found.condition, found.kind, found.remote_code) == (condition, kind, error.code)


def test_a_huge_message_is_shown_by_its_opening() -> None:
    stanza = stanzas.message("a@b", "x" * 1_000_000, {"performative": "inform"})
    said = stanzas.read_message(stanza, 7)
    assert said is not None
    assert len(said.body) == 1_000_000
    assert len(said.stanza) < 3_000
    assert said.metadata == {"performative": "inform"}


def test_a_message_without_body_is_none() -> None:
    assert stanzas.read_message(Element("{jabber:client}message"), 0) is None
