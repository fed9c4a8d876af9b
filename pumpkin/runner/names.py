"""Answers every name: one address of 198.18.0.0/15 a name, so that a connection maps back to the name it was for.

RFC 2544 keeps that network for benchmarks; nobody's service lives there. Every resolver address leads here, since all
addresses do. Only what a package needs to go on is answered (A, and PTR for an address we gave); any other type gets an
empty answer, and the question is told all the same.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

_FIRST = struct.unpack("!I", socket.inet_aton("198.18.0.10"))[0]
_LAST = struct.unpack("!I", socket.inet_aton("198.19.255.250"))[0]
TYPES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    65: "HTTPS",
    255: "ANY",
}
_PKTINFO = 8  # IP_PKTINFO


class Names:
    """Which address stands for which name; thread-safe, at most `limit` names."""

    def __init__(self, limit: int = 20_000) -> None:
        self._lock = threading.Lock()
        self._limit = limit
        self._address: dict[str, str] = {}
        self._name: dict[str, str] = {}

    def address(self, name: str) -> str:
        """The address of `name`; the same one for all names past the limit."""
        with self._lock:
            known = self._address.get(name)
            if known is None:
                number = _FIRST + len(self._address)
                known = socket.inet_ntoa(struct.pack("!I", min(number, _LAST)))
                if len(self._address) < self._limit:
                    self._address[name] = known
                    self._name[known] = name
            return known

    def name(self, address: str) -> str | None:
        """The name that was answered with `address`, None for an address nobody was given."""
        return self._name.get(address)


def question(packet: bytes) -> tuple[str, int, int] | None:
    """(name, type, end of the question) of a query, None for what is none (RFC 1035 section 4.1).

    Bytes of a label that are not printable ASCII are written as in master files, \\DDD.
    """
    if len(packet) < 17 or packet[2] & 0x80 or struct.unpack("!H", packet[4:6])[0] < 1:
        return None
    labels, at = [], 12
    while at < len(packet):
        length = packet[at]
        if length == 0:
            break
        if length > 63 or at + 1 + length >= len(packet):
            return None
        labels.append(_label(packet[at + 1 : at + 1 + length]))
        at += 1 + length
    if at + 5 > len(packet):
        return None
    kind = struct.unpack("!H", packet[at + 1 : at + 3])[0]
    return ".".join(labels).lower()[:1000], kind, at + 5


def answer(packet: bytes, end: int, kind: int, address: str | None) -> bytes:
    """The response: `address` for an A question, else no records."""
    records = b""
    if kind == 1 and address:
        records = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    flags = 0x8180 | (struct.unpack("!H", packet[2:4])[0] & 0x0100)
    return packet[:2] + struct.pack("!HHHHH", flags, 1, 1 if records else 0, 0, 0) + packet[12:end] + records


def serve(names: Names, tell: Callable[[dict[str, object]], None], port: int = 53) -> socket.socket:
    """Answer UDP on every address in a thread; each question is told as `{"kind": "dns", ...}`."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_IP, _PKTINFO, 1)
    listener.bind(("0.0.0.0", port))  # noqa: S104
    threading.Thread(target=_loop, args=(listener, names, tell), daemon=True, name="names").start()
    return listener


def stream_answer(packet: bytes, names: Names, tell: Callable[[dict[str, object]], None], server: str) -> bytes:
    """The response to one packet, empty for what is no query; used over UDP and TCP."""
    asked = question(packet)
    if asked is None:
        return b""
    name, kind, end = asked
    given = names.address(name) if kind == 1 else None
    tell({"kind": "dns", "name": name, "qtype": TYPES.get(kind, str(kind)), "answer": given, "server": server})
    return answer(packet, end, kind, given)


def _loop(listener: socket.socket, names: Names, tell: Callable[[dict[str, object]], None]) -> None:
    while True:
        try:
            packet, extra, _, peer = listener.recvmsg(4096, 128)
        except OSError:
            return
        info = next((data for level, kind, data in extra if level == socket.SOL_IP and kind == _PKTINFO), b"")
        server = socket.inet_ntoa(info[8:12]) if len(info) >= 12 else ""
        reply = stream_answer(packet, names, tell, server)
        if reply:
            # from the address that was asked, or the client drops it
            control = [(socket.SOL_IP, _PKTINFO, struct.pack("=i4s4s", 0, info[8:12], b"\0" * 4))] if server else []
            try:
                listener.sendmsg([reply], control, 0, peer)
            except OSError:
                continue


def _label(raw: bytes) -> str:
    return "".join(chr(byte) if 33 <= byte < 127 and byte not in b".\\" else f"\\{byte:03d}" for byte in raw)
