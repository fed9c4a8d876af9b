"""A stanza: its outer attributes as values, its content as the bytes that came."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from pumpkin.adapters.xmppd.faults import StanzaFault

CLIENT = "jabber:client"
STREAMS = "http://etherx.jabber.org/streams"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
_XML = "{http://www.w3.org/XML/1998/namespace}"


def quoted(value: str) -> str:
    """An attribute's value with its quotes, safe in XML."""
    return quoteattr(value, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


@dataclass(slots=True)
class Stanza:
    """One child of the stream.

    `attributes` has unprefixed names and `xml:lang`. `declared` are the namespace declarations in force around `inner`
    beyond the stream's own (` xmlns:x="..."`), so that `inner` means the same in any other stream.
    """

    name: str
    namespace: str
    attributes: dict[str, str]
    inner: bytes = b""
    declared: str = ""
    _wire: bytes | None = field(default=None, repr=False)

    @property
    def type(self) -> str:
        """The `type` attribute, empty when absent."""
        return self.attributes.get("type", "")

    @property
    def id(self) -> str:
        """The `id` attribute, empty when absent."""
        return self.attributes.get("id", "")

    def stamp(self, **attributes: str) -> Stanza:
        """Set attributes (`from_` is `from`) and answer this same stanza."""
        for name, value in attributes.items():
            self.attributes[name.rstrip("_")] = value
        self._wire = None
        return self

    def copy(self, **attributes: str) -> Stanza:
        """Another stanza with the same content and these attributes set."""
        twin = Stanza(self.name, self.namespace, dict(self.attributes), self.inner, self.declared)
        return twin.stamp(**attributes)

    def freeze(self, wire: bytes) -> Stanza:
        """Take these bytes for the whole stanza, as an earlier `wire` made them."""
        self._wire = wire
        return self

    def wire(self) -> bytes:
        """The bytes to send inside a stream whose default namespace is `jabber:client`; made once."""
        if self._wire is None:
            own = "" if self.namespace == CLIENT else f" xmlns={quoted(self.namespace)}"
            head = "".join(f" {k}={quoted(v)}" for k, v in self.attributes.items())
            start = f"<{self.name}{own}{head}{self.declared}"
            if self.inner:
                self._wire = b"%b>%b</%b>" % (start.encode(), self.inner, self.name.encode())
            else:
                self._wire = start.encode() + b"/>"
        return self._wire

    def element(self) -> ET.Element:
        """The stanza as a tree, names with their namespace (`{jabber:client}message`)."""
        wire = self.wire()
        # Only bytes that expat has accepted without DTD or entities come here.
        if self.namespace == CLIENT:
            cut = len(self.name) + 1
            wire = b"%b xmlns='jabber:client'%b" % (wire[:cut], wire[cut:])
        return ET.fromstring(wire)  # noqa: S314

    def child(self) -> ET.Element | None:
        """The first child that is not an error, or None."""
        return next((e for e in self.element() if not e.tag.endswith("}error")), None)


def from_element(element: ET.Element) -> Stanza:
    """The stanza of a tree; a name without namespace is taken for `jabber:client`."""
    namespace, name = _split(element.tag, CLIENT)
    attributes = {k.replace(_XML, "xml:"): v for k, v in element.attrib.items()}
    text = escape(element.text or "")
    inner = text + "".join(serialise(child, namespace) for child in element)
    return Stanza(name, namespace, attributes, inner.encode())


def serialise(element: ET.Element, around: str = CLIENT) -> str:
    """XML of a tree inside default namespace `around`, never with invented prefixes (RFC 6120 section 4.8.3)."""
    namespace, name = _split(element.tag, around)
    parts = ["<", name]
    if namespace != around:
        parts.append(f" xmlns={quoted(namespace)}")
    for count, (key, value) in enumerate(element.attrib.items()):
        if key.startswith(_XML):
            parts.append(f" xml:{key[len(_XML) :]}={quoted(value)}")
        elif key.startswith("{"):
            space, local = _split(key, "")
            parts.append(f" xmlns:a{count}={quoted(space)} a{count}:{local}={quoted(value)}")
        else:
            parts.append(f" {key}={quoted(value)}")
    inner = escape(element.text or "") + "".join(serialise(child, namespace) for child in element)
    parts.append(f">{inner}</{name}>" if inner else "/>")
    return "".join(parts) + escape(element.tail or "")


def result(asked: Stanza, inner: str = "", *, sender: str | None = None) -> Stanza:
    """The IQ result that answers `asked`."""
    attributes = {"type": "result", "id": asked.id}
    if "from" in asked.attributes:
        attributes["to"] = asked.attributes["from"]
    origin = sender or asked.attributes.get("to")
    if origin:
        attributes["from"] = origin
    return Stanza("iq", CLIENT, attributes, inner.encode())


def error(asked: Stanza, fault: StanzaFault, *, sender: str | None = None) -> Stanza:
    """The error stanza that answers `asked`."""
    text = f'<text xmlns="{STANZAS}">{escape(fault.text)}</text>' if fault.text else ""
    inner = f'<error type="{fault.kind}"><{fault.condition} xmlns="{STANZAS}"/>{text}{fault.detail}</error>'
    answer = result(asked, inner, sender=sender)
    answer.name = asked.name
    answer.attributes["type"] = "error"
    if not asked.id:
        del answer.attributes["id"]
    return answer


def _split(tag: str, default: str) -> tuple[str, str]:
    if tag.startswith("{"):
        namespace, _, name = tag[1:].partition("}")
        return namespace, name
    return default, tag
