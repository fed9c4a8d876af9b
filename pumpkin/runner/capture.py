"""Keeps the packets of a run as a pcap file, each once and with the destination the package meant.

In a sandbox that is open to the world nothing else sees what is sent: `Outgoing` reads it from the packets.

Traffic with the registry mirror is left out by a filter in the kernel: it is no behaviour of the package, and would
fill the file.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
import time
from collections.abc import Callable

LIMIT = 4 << 20
SNAP = 65_535
CONNECTIONS, BORDER = 4_000, 200
_ETH_P_IP, _ETH_P_ALL = 0x0800, 0x0003
_OUTGOING = 4
_SO_ATTACH_FILTER = 26
_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP, 101)  # LINKTYPE_RAW


class Capture:
    """`pcap()` is the file; `udp` is handed each datagram's payload that was not for a name server. With `leaving` the
    packets of every interface are kept, and it is handed those that leave the sandbox by one other than loopback."""

    def __init__(
        self,
        mirror_port: int,
        udp: Callable[[str, int, bytes], None],
        leaving: Callable[[bytes], None] | None = None,
    ) -> None:
        self._udp, self._leaving = udp, leaving
        self._packets: list[tuple[float, bytes]] = []
        self._size = len(_HEADER)
        self.cut = 0
        # what goes out by an interface is shown only to those who listen to every protocol
        protocol = _ETH_P_ALL if leaving else _ETH_P_IP
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(protocol))
        _without_port(self._socket, mirror_port)
        if leaving is None:  # unbound it hears all interfaces
            self._socket.bind(("lo", _ETH_P_IP))

    def start(self) -> None:
        threading.Thread(target=self._loop, daemon=True, name="capture").start()

    def _loop(self) -> None:
        while True:
            try:
                packet, origin = self._socket.recvfrom(SNAP)
            except OSError:
                return
            if origin[1] != _ETH_P_IP:
                continue
            if origin[0] != "lo":
                if origin[2] == _OUTGOING and self._leaving:
                    self._leaving(packet)
                self._keep(packet, time.time())
            elif origin[2] != _OUTGOING:  # on loopback each comes twice where both ways are listened to
                self.take(packet, time.time())

    def take(self, packet: bytes, when: float) -> None:
        """One IPv4 packet."""
        if len(packet) >= 28 and packet[9] == socket.IPPROTO_UDP:
            at = (packet[0] & 15) * 4
            source, port = struct.unpack("!HH", packet[at : at + 4])
            if 53 not in (source, port):
                self._udp(socket.inet_ntoa(packet[16:20]), port, packet[at + 8 :])
        self._keep(packet, when)

    def _keep(self, packet: bytes, when: float) -> None:
        if self._size + 16 + len(packet) > LIMIT:
            self.cut += 1
            return
        self._size += 16 + len(packet)
        self._packets.append((when, packet))

    def pcap(self, original: dict[int, tuple[str, int]], sink_port: int) -> bytes:
        """The file; what was redirected to `sink_port` gets back its destination, `original` by source port."""
        out = [_HEADER]
        for when, packet in self._packets:
            whole = restore(packet, original, sink_port)
            out.append(struct.pack("<IIII", int(when), int(when % 1 * 1e6), len(whole), len(whole)) + whole)
        return b"".join(out)


class Outgoing:
    """What leaves an open sandbox, from its packets: names asked, datagrams, and what is sent over TCP. A secret is
    looked for over the border of two segments, too; what is encrypted cannot be read."""

    def __init__(
        self,
        asked: Callable[[bytes, str], None],
        udp: Callable[[str, int, bytes], None],
        tcp: Callable[[str, int, bytes], None],
    ) -> None:
        self._asked, self._udp, self._tcp = asked, udp, tcp
        self._ends: dict[tuple[int, str, int], bytes] = {}

    def __call__(self, packet: bytes) -> None:
        """One IPv4 packet."""
        at = (packet[0] & 15) * 4
        if len(packet) < at + 8:
            return
        source, port = struct.unpack("!HH", packet[at : at + 4])
        to = socket.inet_ntoa(packet[16:20])
        if packet[9] == socket.IPPROTO_UDP:
            payload = packet[at + 8 :]
            if port == 53:
                self._asked(payload, to)
            else:
                self._udp(to, port, payload)
        elif packet[9] == socket.IPPROTO_TCP and len(packet) >= at + 20:
            payload = packet[at + (packet[at + 12] >> 4) * 4 :]
            if payload:
                key = (source, to, port)
                whole = self._ends.pop(key, b"") + payload
                if len(self._ends) < CONNECTIONS:
                    self._ends[key] = whole[-BORDER:]
                self._tcp(to, port, whole)


def restore(packet: bytes, original: dict[int, tuple[str, int]], sink_port: int) -> bytes:
    """A TCP packet to or from the sinkhole with the address and port before the redirect, checksums anew."""
    at = (packet[0] & 15) * 4
    if len(packet) < at + 20 or packet[9] != socket.IPPROTO_TCP:
        return packet
    source, target = struct.unpack("!HH", packet[at : at + 4])
    changed = bytearray(packet)
    if target == sink_port and source in original:
        address, port = original[source]
        changed[16:20] = socket.inet_aton(address)
        changed[at + 2 : at + 4] = struct.pack("!H", port)
    elif source == sink_port and target in original:
        address, port = original[target]
        changed[12:16] = socket.inet_aton(address)
        changed[at : at + 2] = struct.pack("!H", port)
    else:
        return packet
    changed[10:12] = b"\0\0"
    changed[10:12] = struct.pack("!H", _checksum(bytes(changed[:at])))
    changed[at + 16 : at + 18] = b"\0\0"
    pseudo = bytes(changed[12:20]) + struct.pack("!HH", socket.IPPROTO_TCP, len(changed) - at)
    changed[at + 16 : at + 18] = struct.pack("!H", _checksum(pseudo + bytes(changed[at:])))
    return bytes(changed)


def _checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def _without_port(listener: socket.socket, port: int) -> None:
    """Attach a classic BPF program that drops TCP packets from or to `port`."""
    program = [
        (0x30, 0, 0, 9),  # protocol
        (0x15, 0, 6, 6),  # not TCP: keep
        (0xB1, 0, 0, 0),  # x = header length
        (0x48, 0, 0, 0),  # source port
        (0x15, 4, 0, port),
        (0x48, 0, 0, 2),  # destination port
        (0x15, 2, 0, port),
        (0x06, 0, 0, SNAP),
        (0x06, 0, 0, SNAP),
        (0x06, 0, 0, 0),
    ]
    code = b"".join(struct.pack("HBBI", *one) for one in program)
    buffer = ctypes.create_string_buffer(code)
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(program), ctypes.addressof(buffer)))
