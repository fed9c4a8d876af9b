"""SPADE's way to put a message's metadata and thread on the wire (contracts/agents.md section 2).

The marker is a XEP-0004 form whose *title* is `spade:x:metadata`; there is no FORM_TYPE. The thread is the field
`_thread_node`, and we also read and write XMPP's own `<thread/>` (RFC 6121 section 5.2.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

TITLE = "spade:x:metadata"
THREAD_FIELD = "_thread_node"
FORMS = "jabber:x:data"
CLIENT = "jabber:client"
FIELDS_LIMIT = 64
NAME_LIMIT = 200
VALUE_LIMIT = 4_096


def encode(message: Element, metadata: Mapping[str, str], thread: str | None = None) -> None:
    """Append to `message` the form that carries `metadata` and `thread`; nothing when both are empty."""
    if thread:
        SubElement(message, f"{{{CLIENT}}}thread").text = legal(thread)
    fields = dict(metadata)
    if thread:
        fields[THREAD_FIELD] = thread
    if not fields:
        return
    form = SubElement(message, f"{{{FORMS}}}x", {"type": "form"})
    for name, value in fields.items():
        field = SubElement(form, f"{{{FORMS}}}field", {"var": legal(name), "type": "text-single"})
        SubElement(field, f"{{{FORMS}}}value").text = legal(value)
    SubElement(form, f"{{{FORMS}}}title").text = TITLE


def decode(message: Element) -> tuple[dict[str, str], str | None]:
    """Metadata and thread of `message`; other forms are ignored, the form's thread wins over `<thread/>`.

    At most 64 fields are read, names of at most 200 and values of at most 4,096 characters; longer ones are cut.
    """
    metadata: dict[str, str] = {}
    thread = message.findtext(f"{{{CLIENT}}}thread") or None
    for form in message.findall(f"{{{FORMS}}}x"):
        if (form.findtext(f"{{{FORMS}}}title") or "").strip() != TITLE:
            continue
        for field in form.findall(f"{{{FORMS}}}field")[:FIELDS_LIMIT]:
            name = (field.get("var") or "")[:NAME_LIMIT]
            value = (field.findtext(f"{{{FORMS}}}value") or "")[:VALUE_LIMIT]
            if name == THREAD_FIELD:
                thread = value or thread
            elif name:
                metadata[name] = value
    return metadata, thread[:NAME_LIMIT] if thread else None


def legal(text: str) -> str:
    """`text` with what XML 1.0 cannot carry (section 2.2: controls, surrogates) replaced by U+FFFD."""
    if text.isprintable():
        return text
    return "".join(one if _carried(ord(one)) else "\ufffd" for one in text)


def _carried(point: int) -> bool:
    return point in (0x9, 0xA, 0xD) or 0x20 <= point <= 0xD7FF or 0xE000 <= point <= 0xFFFD or point >= 0x10000
