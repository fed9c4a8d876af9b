"""Bytes of a stream in, stanzas out: expat without DTD, entities, comments or processing instructions."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.parsers import expat

from pumpkin.adapters.xmppd.faults import StreamFault
from pumpkin.adapters.xmppd.limits import Limits
from pumpkin.adapters.xmppd.stanza import CLIENT, STREAMS, Stanza, quoted

_START_TAG = re.compile(rb"<[^\"'>]*(?:\"[^\"]*\"[^\"'>]*|'[^']*'[^\"'>]*)*>")
_LANG = "http://www.w3.org/XML/1998/namespace lang"
_RENEW_BYTES = 8 * 1024 * 1024


class StreamParser:
    """Feeds expat and cuts the stream into stanzas whose content stays the bytes that came.

    `on_open(attributes)`, `on_stanza(stanza)` and `on_close()` are called in order from inside `feed`. With `stepwise`
    it halts after each of them, so that the caller can restart the stream (TLS, SASL) exactly there: `resume` goes on,
    `rest` takes what was not yet read. Only whole tags are handed to expat, because newer versions put off tokens that
    came in pieces. Raises StreamFault.
    """

    def __init__(
        self,
        on_open: Callable[[dict[str, str]], None],
        on_stanza: Callable[[Stanza], None],
        on_close: Callable[[], None],
        limits: Limits,
        *,
        stepwise: bool = True,
    ) -> None:
        self._on_open, self._on_stanza, self._on_close = on_open, on_stanza, on_close
        self._limits = limits
        self.stepwise = stepwise
        self._size = limits.early_size if stepwise else limits.stanza_size
        self._halted = False
        self._buffer = bytearray()
        self._fed = 0
        self._done = 0
        self._depth = 0
        self._elements = 0
        self._began = 0
        self._head: tuple[str, list[str]] = ("", [])
        self._outer: dict[str, str] = {}
        self._declared: list[tuple[str | None, str]] = []
        self._expat_bytes = 0
        self._offset = 0
        self._expat = self._make()

    def feed(self, data: bytes) -> None:
        """Take bytes as they came from the peer."""
        if not self._buffer and data.isspace():
            return
        self._buffer += data
        if not self._halted:
            self._advance(max(self._fed, len(self._buffer) - len(data)))
        if len(self._buffer) - self._done > self._size:
            raise StreamFault("policy-violation", f"A stanza may have {self._size} bytes.")

    def resume(self) -> None:
        """Go on after a halt, if there was one."""
        if self._halted:
            self._halted = False
            self._advance(self._fed)

    def bulk(self) -> None:
        """From here on whole chunks, and stanzas of full size."""
        self.stepwise = False
        self._size = self._limits.stanza_size

    def rest(self) -> bytes:
        """What came after the tag it halted at."""
        return bytes(self._buffer[self._fed :])

    def _advance(self, search_from: int) -> None:
        buffer = self._buffer
        while not self._halted:
            find = buffer.find if self.stepwise else buffer.rfind
            end = find(b">", search_from) + 1
            if end <= self._fed:
                break
            chunk = bytes(buffer[self._fed : end])
            self._offset = self._fed - self._expat_bytes
            self._fed = end
            self._expat_bytes += len(chunk)
            try:
                self._expat.Parse(chunk, False)
            except expat.ExpatError as error:
                raise StreamFault("not-well-formed", str(error)) from error
            search_from = self._fed
        if self._done and not self._halted:
            self._forget()

    def _forget(self) -> None:
        del self._buffer[: self._done]
        self._fed -= self._done
        self._began -= self._done
        self._done = 0
        # expat keeps every name it ever saw; a fresh one forgets them.
        if self._expat_bytes > _RENEW_BYTES and self._depth == 1 and self._fed == 0:
            self._expat = self._make()
            self._depth = -1
            opening = f"<s:stream xmlns='{CLIENT}' xmlns:s='{STREAMS}'{_declarations(self._outer)}>".encode()
            self._expat.Parse(opening, False)
            self._expat_bytes = len(opening)

    def _make(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("UTF-8", " ", None)
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.ProcessingInstructionHandler = self._refuse
        parser.CommentHandler = self._refuse
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        if hasattr(parser, "SetReparseDeferralEnabled"):
            parser.SetReparseDeferralEnabled(False)
        self._expat_bytes = 0
        self._offset = 0
        return parser

    def _position(self) -> int:
        return int(self._expat.CurrentByteIndex) + self._offset

    def _refuse(self, *_: object) -> None:
        raise StreamFault("restricted-xml", "No DOCTYPE, entities, comments or processing instructions.")

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        if self._depth <= 1:
            self._declared.append((prefix, uri or ""))

    def _start(self, name: str, attributes: list[str]) -> None:
        depth = self._depth
        self._depth = depth + 1
        if depth >= 2:
            self._elements += 1
            if depth >= self._limits.depth or self._elements > self._limits.elements:
                raise StreamFault("policy-violation", "Too many or too deeply nested elements.")
            if len(attributes) > 2 * self._limits.attributes:
                raise StreamFault("policy-violation", "Too many attributes.")
        elif depth == 1:
            if len(attributes) > 2 * self._limits.attributes:
                raise StreamFault("policy-violation", "Too many attributes.")
            self._elements = 0
            self._began = self._position()
            self._head = (name, attributes)
        elif depth == 0:
            self._open(name, attributes)
        else:
            self._depth = 1
            self._declared.clear()

    def _open(self, name: str, attributes: list[str]) -> None:
        if name != f"{STREAMS} stream":
            raise StreamFault("invalid-namespace", "The stream's root is not {http://etherx.jabber.org/streams}stream.")
        declared = dict(self._declared)
        self._declared.clear()
        if declared.pop(None, "") != CLIENT:
            raise StreamFault("invalid-namespace", "The default namespace must be jabber:client.")
        self._outer = {prefix: uri for prefix, uri in declared.items() if prefix}
        self._done = self._fed
        self._halted = self.stepwise
        self._on_open(_attributes(attributes))

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._depth == 1:
            self._finish(name)
        elif self._depth == 0:
            self._halted = self.stepwise
            self._done = self._fed
            self._on_close()

    def _finish(self, qualified: str) -> None:
        buffer, began = self._buffer, self._began
        opening = _START_TAG.match(buffer, began)
        if opening is None:
            raise StreamFault("not-well-formed")
        position = self._position()
        if self._elements == 0 and buffer[opening.end() - 2 : opening.end()] == b"/>":
            inner, end = b"", opening.end()
        else:
            inner, end = bytes(buffer[opening.end() : position]), buffer.index(b">", position) + 1
        if end - began > self._size:
            raise StreamFault("policy-violation", f"A stanza may have {self._size} bytes.")
        self._done = end
        namespace, _, name = qualified.rpartition(" ")
        declared = dict(self._declared)
        self._declared.clear()
        default = declared.pop(None, CLIENT)
        if namespace not in (default, STREAMS):
            raise StreamFault("invalid-namespace", "A stanza's own namespace must be its default namespace.")
        around = {p: uri for p, uri in self._outer.items() if b"%b:" % p.encode() in inner}
        around.update((p, uri) for p, uri in declared.items() if p)
        stanza = Stanza(name, namespace, _attributes(self._head[1]), inner, _declarations(around) if inner else "")
        self._halted = self.stepwise
        self._on_stanza(stanza)


def parse_one(text: str, limits: Limits) -> Stanza:
    """The one stanza `text` is, written for a stream of `jabber:client`; StreamFault when it is none."""
    found: list[Stanza] = []
    parser = StreamParser(lambda _: None, found.append, lambda: None, limits, stepwise=False)
    parser.feed(f"<s:stream xmlns='{CLIENT}' xmlns:s='{STREAMS}'>".encode())
    parser.feed(text.encode())
    if len(found) != 1:
        raise StreamFault("not-well-formed", "Not one stanza.")
    return found[0]


def _attributes(ordered: list[str]) -> dict[str, str]:
    found = {}
    for name, value in zip(ordered[::2], ordered[1::2], strict=True):
        if name == _LANG:
            found["xml:lang"] = value
        elif " " not in name:
            found[name] = value
    return found


def _declarations(declared: dict[str, str]) -> str:
    return "".join(f" xmlns:{prefix}={quoted(uri)}" for prefix, uri in declared.items())
