"""The stanzas our agents write and read, as plain elements: messages, checks by IQ, presence, discovery, errors.

Everything read here came from a stranger: texts are bounded, compressed bodies are inflated under a limit.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element, SubElement

from pumpkin.errors import (
    Backpressure,
    Conflict,
    Forbidden,
    InvalidCheck,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    PumpkinError,
    RateLimited,
    Unavailable,
)
from pumpkin.model import spade, wire
from pumpkin.model.agents import Message

CLIENT = "jabber:client"
CHECK = "urn:pumpkin:check:0"
ERRORS = "urn:pumpkin:errors:0"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
COMMANDS = "http://jabber.org/protocol/commands"
VERSION = "jabber:iq:version"
PING = "urn:xmpp:ping"
RECEIPTS = "urn:xmpp:receipts"
FORMS = "jabber:x:data"

INFLATED_LIMIT = 16 * 1024 * 1024
COMPRESS_FROM = 2_048
STANZA_KEPT = 16_384
BODY_SHOWN = 4_096
BODY_KEPT = 64 * 1024

_CONDITIONS: tuple[tuple[type[PumpkinError], str, str], ...] = (
    (PayloadTooLarge, "policy-violation", "modify"),
    (InvalidRequest, "bad-request", "modify"),
    (Forbidden, "forbidden", "auth"),
    (NotFound, "item-not-found", "cancel"),
    (Conflict, "conflict", "cancel"),
    (RateLimited, "resource-constraint", "wait"),
    (Backpressure, "resource-constraint", "wait"),
    (Unavailable, "resource-constraint", "wait"),
)


class StanzaError(PumpkinError):
    """The other side answered with an error; `condition` and `kind` are RFC 6120 section 8.3's."""

    status = 502
    code = "stanza_error"

    def __init__(self, condition: str, kind: str = "cancel", text: str = "", code: str | None = None) -> None:
        self.condition, self.kind, self.remote_code = condition, kind, code
        super().__init__(f"The other side answered {condition}{f': {text}' if text else ''}.")


def name(local: str, namespace: str = CLIENT) -> str:
    """`{namespace}local`, ElementTree's way to write a name."""
    return f"{{{namespace}}}{local}"


def local_name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def message(
    to: str,
    body: str,
    metadata: Mapping[str, str] | None = None,
    *,
    thread: str | None = None,
    ident: str | None = None,
) -> Element:
    """A chat message with SPADE's metadata; `ident` is 32 hex digits when none is given."""
    stanza = Element(name("message"), {"type": "chat", "to": to, "id": ident or uuid4().hex})
    SubElement(stanza, name("body")).text = spade.legal(body)
    spade.encode(stanza, metadata or {}, thread)
    return stanza


def read_message(stanza: Element, received: int) -> Message | None:
    """The message in `stanza`, without the stanza itself (`shown`); None when it has no body (chat states, receipts).

    The body is whole.
    """
    body = stanza.findtext(name("body"))
    if body is None:
        return None
    metadata, thread = spade.decode(stanza)
    return Message(
        id=(stanza.get("id") or uuid4().hex)[:200],
        sender=stanza.get("from", "")[:3_071],
        to=stanza.get("to", "")[:3_071],
        body=body,
        thread=thread,
        metadata=metadata,
        received=received,
    )


def shown(stanza: Element, body_most: int = BODY_SHOWN) -> str:
    """The stanza's XML for a person to read: a long body cut, at most 16 KiB in all."""
    from slixmpp.xmlstream import tostring  # loaded when the first message comes

    opening = Element(stanza.tag, stanza.attrib)
    for child in stanza:
        if child.tag == name("body") and len(child.text or "") > body_most:
            SubElement(opening, child.tag).text = (child.text or "")[:body_most] + " ..."
        else:
            opening.append(child)
    return str(tostring(opening, xmlns=CLIENT))[:STANZA_KEPT]


def presence(
    kind: str | None = None, *, to: str | None = None, show: str | None = None, status: str = "", priority: int = 0
) -> Element:
    """A presence stanza; `kind` is its type (`subscribe`, `unavailable`, ...), none for available."""
    stanza = Element(name("presence"))
    if kind:
        stanza.set("type", kind)
    if to:
        stanza.set("to", to)
    if show and show not in ("available", "unavailable"):
        SubElement(stanza, name("show")).text = show
    if status:
        SubElement(stanza, name("status")).text = spade.legal(status)
    if priority:
        SubElement(stanza, name("priority")).text = str(priority)
    return stanza


def read_presence(stanza: Element) -> tuple[str, str]:
    """`(show, status)` of an available or unavailable presence; an unknown show counts as available."""
    if stanza.get("type") == "unavailable":
        return "unavailable", (stanza.findtext(name("status")) or "")[:500]
    show = (stanza.findtext(name("show")) or "").strip()
    return (
        show if show in ("chat", "away", "dnd", "xa") else "available",
        (stanza.findtext(name("status")) or "")[:500],
    )


def iq(kind: str, to: str | None = None, ident: str | None = None, *children: Element) -> Element:
    """An IQ of type `kind` with its payload."""
    stanza = Element(name("iq"), {"type": kind, "id": ident or uuid4().hex})
    if to:
        stanza.set("to", to)
    stanza.extend(children)
    return stanza


def result(request: Element, *children: Element) -> Element:
    """The answer to `request`."""
    return iq("result", request.get("from"), request.get("id", ""), *children)


def refusal(request: Element, error: PumpkinError) -> Element:
    """The error answer to `request`: our public text, RFC 6120's condition and our stable code."""
    condition, kind = next(
        ((c, k) for t, c, k in _CONDITIONS if isinstance(error, t)), ("internal-server-error", "wait")
    )
    return error_to(request, condition, kind, error.message, error.code)


def error_to(request: Element, condition: str, kind: str = "cancel", text: str = "", code: str = "") -> Element:
    """An error answer to `request` (RFC 6120 section 8.3)."""
    answer = Element(request.tag, {"type": "error", "id": request.get("id", "")})
    if request.get("from"):
        answer.set("to", request.get("from", ""))
    error = SubElement(answer, name("error"), {"type": kind})
    SubElement(error, name(condition, STANZAS))
    if text:
        SubElement(error, name("text", STANZAS)).text = spade.legal(text[:1_000])
    if code:
        SubElement(error, name("code", ERRORS)).text = code
    return answer


def read_error(stanza: Element) -> StanzaError:
    """What an error stanza says."""
    error = stanza.find(name("error"))
    if error is None:
        return StanzaError("undefined-condition")
    condition = next(
        (
            local_name(child)
            for child in error
            if child.tag.startswith(f"{{{STANZAS}}}") and local_name(child) != "text"
        ),
        "undefined-condition",
    )
    text = (error.findtext(name("text", STANZAS)) or "")[:500]
    return StanzaError(condition, error.get("type", "cancel"), text, error.findtext(name("code", ERRORS)))


def check_iq(body: Mapping[str, Any], to: str | None, ident: str | None = None) -> Element:
    """The IQ that delivers a check natively (rulings.md 40); a long body travels as deflate (RFC 1951) and base64."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    check = Element(name("check", CHECK), {"id": str(body["id"])})
    if len(text) >= COMPRESS_FROM:
        squeeze = zlib.compressobj(1, wbits=-15)
        check.set("enc", "deflate+base64")
        check.text = base64.b64encode(squeeze.compress(text.encode()) + squeeze.flush()).decode()
    else:
        check.text = spade.legal(text)
    return iq("set", to, ident, check)


def read_check(check: Element) -> dict[str, Any]:
    """The JSON object in a `<check/>`; InvalidCheck, InvalidJson or PayloadTooLarge for anything else."""
    text = check.text or ""
    encoding = check.get("enc")
    if encoding == "deflate+base64":
        body = wire.parse_json(_inflate(text), limit=INFLATED_LIMIT)
    elif encoding is None:
        body = wire.parse_json(text, limit=INFLATED_LIMIT)
    else:
        raise InvalidCheck("enc must be absent or deflate+base64.", fields={"enc": "unknown"})
    ident = check.get("id")
    if ident and not wire.is_scandale(body) and str(body.setdefault("id", ident)).lower() != ident.lower():
        raise InvalidCheck("The id of the check and that of its body differ.", fields={"id": "differs"})
    return body


def _inflate(text: str) -> bytes:
    try:
        squeezed = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
        # zlib's two-byte header (RFC 1950 section 2.2) is a common slip for raw deflate, and harmless to read.
        zlib_header = len(squeezed) > 2 and squeezed[0] & 0x0F == 8 and int.from_bytes(squeezed[:2]) % 31 == 0
        engine = zlib.decompressobj(wbits=15 if zlib_header else -15)
        data = engine.decompress(squeezed, INFLATED_LIMIT + 1)
    except (ValueError, zlib.error) as error:
        raise InvalidCheck("The check's text is not deflate in base64.", fields={"enc": "unreadable"}) from error
    if len(data) > INFLATED_LIMIT:
        raise PayloadTooLarge
    if not engine.eof or engine.unused_data:
        raise InvalidCheck("The check's deflated text is cut off or followed by more.", fields={"enc": "unreadable"})
    return data


def stored(request: Element, ident: str, seq: int, checkpoint: str = "") -> Element:
    """The answer after the commit: the check's id, its place in the log, and the last checkpoint's hash."""
    attributes = {"id": ident, "seq": str(seq)}
    if checkpoint:
        attributes["checkpoint"] = checkpoint
    return result(request, Element(name("stored", CHECK), attributes))


def disco_info(request: Element, identity: tuple[str, str, str], features: Iterable[str]) -> Element:
    """The answer to a disco#info request (XEP-0030): `identity` is category, type and name."""
    asked = request.find(name("query", DISCO_INFO))
    query = Element(name("query", DISCO_INFO))
    if asked is not None and asked.get("node"):
        query.set("node", asked.get("node", ""))
    SubElement(query, name("identity", DISCO_INFO), dict(zip(("category", "type", "name"), identity, strict=True)))
    for feature in sorted({DISCO_INFO, *features}):
        SubElement(query, name("feature", DISCO_INFO), {"var": feature})
    return result(request, query)


def software(request: Element, program: str, version: str) -> Element:
    """The answer to a version request (XEP-0092)."""
    query = Element(name("query", VERSION))
    SubElement(query, name("name", VERSION)).text = program
    SubElement(query, name("version", VERSION)).text = version
    return result(request, query)
