"""The parsers: how each is called, what it may say no with, and what good input looks like.

A target takes bytes. `allowed` are the exceptions its contract names; any other is a fault, as is one call that takes
longer than `SLOW_S`.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import socket
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from pumpkin import settings
from pumpkin.adapters import backup
from pumpkin.adapters.registries import html, xml
from pumpkin.adapters.xmppd.faults import StreamFault
from pumpkin.adapters.xmppd.limits import Limits
from pumpkin.adapters.xmppd.stream import StreamParser, parse_one
from pumpkin.analysis import archive, strace
from pumpkin.analysis.text import BadRule, Rules
from pumpkin.errors import PumpkinError, StartError
from pumpkin.evidence import bundle_verify, checkpoint, der, ers, record, tiles, tsp, tsp_query, witness
from pumpkin.evidence.authority import Authority
from pumpkin.model import jobs, manifests, spade, wire
from pumpkin.model.purl import Purl
from pumpkin.model.reports import Artifact, Environment
from pumpkin.model.rules import reading as rules
from pumpkin.probes import parsers
from pumpkin.runner import capture, lines, names, sinkhole, stream
from tests.evidence import house

SLOW_S = 2.0
NAMES = ("package-lock.json", "requirements.txt", "uv.lock", "poetry.lock", "Cargo.lock", "bom.json", "x.spdx.json")


@dataclass(frozen=True)
class Target:
    """One parser."""

    call: Callable[[bytes], object]
    seeds: Sequence[bytes]
    allowed: tuple[type[BaseException], ...] = ()


def make() -> dict[str, Target]:
    """All of them, with seeds made now."""
    authority = Authority.create("fuzz")
    query = tsp.make_query(b"\x07" * 32)
    response = authority.respond(query)
    root = authority.root_pem
    good = ers.build([[b"\x07" * 32]], response)
    made, _, bundle = house.small()
    key = made.key.verifier.text.encode()
    note = checkpoint.sign("log.example/fuzz", 7, bytes(32), checkpoint.LogKey.generate("log.example/fuzz"))
    request = witness.request(3, [bytes(32)], note)
    stanza = (
        b"<message xmlns='jabber:client' from='a@b' to='c@d' type='chat'><body>hi</body><thread>t</thread>"
        b"<x xmlns='jabber:x:data' type='form'><title>spade:x:metadata</title><field var='performative' "
        b"type='text-single'><value>inform</value></field></x></message>"
    )
    opening = (
        b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='localhost' version='1.0' "
        b"xmlns:stream='http://etherx.jabber.org/streams'>" + stanza + b"<presence/></stream:stream>"
    )
    scandale = (
        b'{"version":"1","format":"text","meta":{"uuid":"0e8b3f1c-6f0e-4b5e-9a53-0a8f0c0e0001","ts":1700000000.25,'
        b'"type":"df"},"payload":{"raw":"dXA="}}'
    )
    native = (
        b'{"type":"http","format":"json","payload":{"text":"{}"},"labels":{"a":"b"},"observed":"2026-01-01T00:00:00Z"}'
    )
    rule = (
        b'version = 1\n[[rule]]\nname = "r"\nkind = "change"\nwhere = [{ value = "status", than = "ok" }]\n'
        b'[rule.select]\ntype = "http"\n'
    )
    return {
        "xmpp stream": Target(_stream, [opening], (StreamFault,)),
        "xmpp stanza": Target(
            lambda data: parse_one(data.decode("utf-8", "replace"), Limits()), [stanza], (StreamFault,)
        ),
        "spade metadata": Target(_spade, [stanza], (ElementTree.ParseError, ValueError)),
        "check": Target(
            lambda data: wire.from_any(wire.parse_json(data), agent="a@b"), [scandale, native], (PumpkinError,)
        ),
        "ndjson": Target(_ndjson, [scandale + b"\n" + native], (PumpkinError,)),
        "purl": Target(
            lambda data: str(Purl.parse(_text(data))),
            [b"pkg:npm/%40scope/name@1.0?arch=x#sub/path", b"pkg:maven/org.a/b@1?type=jar", b"pkg:pypi/Six@1.16.0"],
            (PumpkinError,),
        ),
        "bundle": Target(lambda data: bundle_verify.verify_bundle(data, roots=[root], log_key=key), [bundle]),
        "tsp response": Target(
            lambda data: tsp.verify(data, roots=[root], query=query, digest=b"\x07" * 32), [response]
        ),
        "tsp query": Target(lambda data: authority.respond(data), [query]),
        "tsp parts": Target(_tsp_parts, [response], (ValueError,)),
        "der": Target(lambda data: der.to_der(data), [response, good], (ValueError,)),
        "ers": Target(lambda data: ers.verify(data, [b"x"], [root]), [good]),
        "ers renewal": Target(lambda data: ers.renewal_digest(data), [good], (ValueError,)),
        "note": Target(_note, [note.encode()], (ValueError,)),
        "witness request": Target(witness.read_request, [request], (ValueError,)),
        "tile path": Target(lambda data: tiles.parse_tile(_text(data)), [b"x001/067.p/5", b"000"], (ValueError,)),
        "entry bundle": Target(tiles.entries, [tiles.entry_bundle([b"abc", b"", b"x" * 300])], (ValueError,)),
        "record": Target(record.parse, [made.checks[0].record], (ValueError,)),
        "archive": Target(_archive, _archives()),
        "strace": Target(_strace, [_STRACE]),
        "runner frames": Target(
            _frames,
            [
                b'{"type":"phase","phase":"install","state":"ended","status":"completed"}\n',
                b'{"type":"blob","phase":"install","what":"totals","_size":2}\n{}',
                b'{"type":"blob","phase":"install","what":"file","path":"/a","bytes":2,"writes":1,"_size":2}\n{}',
                b'{"type":"event","kind":"connect","phase":"import","address":"1.2.3.4","port":80}\n',
                b'{"type":"done","duration_s":1.5,"cpu_s":1,"cut":{"events":3}}\n',
            ],
            (stream.Broken,),
        ),
        "dns": Target(
            _dns, [b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01"]
        ),
        "pcap packet": Target(
            lambda data: capture.restore(data.ljust(20, b"\0"), {4660: ("1.2.3.4", 80)}, 9), [_PACKET]
        ),
        "sinkhole http": Target(
            _http,
            [
                b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde",
            ],
        ),
        "sinkhole mail": Target(lambda data: sinkhole._reply(25, data), [b"EHLO x\r\nDATA\r\nx\r\n.\r\n"]),
        "rule file": Target(_rules, [rule], (PumpkinError,)),
        "text rules": Target(_yara, [b'rule a { strings: $a = "x" condition: $a }'], (BadRule, StartError)),
        "probe configuration": Target(
            lambda data: jobs.loads(_text(data)),
            [b'{"command":"df -P","period":60,"type":"t"}'],
            (StartError, PumpkinError),
        ),
        "settings": Target(
            _settings,
            [_SETTINGS],
            (StartError,),
        ),
        "manifest": Target(_manifest, _MANIFESTS, (PumpkinError,)),
        "probe parsers": Target(
            _parsers,
            [
                b"<nmaprun><host/></nmaprun>",
                b"a=b\nc=d",
                b'# TYPE a gauge\na{b="c"} 1',
                b"a,b\n1,2",
                b"<testsuites><testsuite/></testsuites>",
                b'{"a":[1]}',
            ],
        ),
        "registry page": Target(lambda data: html.Links.of(_text(data)), [b'<a href="x-1.0.tar.gz#sha256=00">x</a>']),
        "registry xml": Target(
            xml.read, [b"<metadata><versioning><latest>1</latest></versioning></metadata>"], (PumpkinError, ValueError)
        ),
        "backup": Target(
            _backup, [b"age-encryption.org/v1\n-> X25519 abc\n--- def\n", _tar("key.age", b"x")], (PumpkinError,)
        ),
    }


_STRACE = (
    b'12 1700000000.000001 openat(AT_FDCWD</>, "/etc/passwd", O_RDONLY) = 3</etc/passwd>\n'
    b'12 1700000000.000002 connect(3<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("1.2.3.4")}, '
    b"16) = -1 ECONNREFUSED (x)\n12 1700000000.3 clone3({flags=CLONE_VM} <unfinished ...>\n"
    b"12 1700000000.4 <... clone3 resumed>) = 13\n13 1700000000.5 +++ exited with 0 +++\n"
)
_PACKET = (
    bytes.fromhex("450000280001000040060000")
    + bytes([10, 0, 0, 1, 10, 0, 0, 2])
    + bytes.fromhex("12340009")
    + bytes(16)
)
_SETTINGS = b"""listen = "127.0.0.1:1"
[xmpp]
port = 0
[[authorities]]
name = "a"
url = "http://a"
roots = ["a.pem"]
"""
_MANIFESTS = [
    b'{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"version":"1.0.0"}}}',
    b"six==1.16.0 --hash=sha256:00\n-e .\n",
    b'[[package]]\nname = "six"\nversion = "1"\nsource = { registry = "x" }\n',
    b'{"bomFormat":"CycloneDX","components":[{"purl":"pkg:pypi/six@1"}]}',
    b'{"spdxVersion":"SPDX-2.3","packages":[{"externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]}]}',
]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape") if len(data) % 2 else data.decode("latin-1")


def _stream(data: bytes) -> None:
    parser = StreamParser(lambda _: None, lambda _: None, lambda: None, Limits())
    half = len(data) // 2
    parser.feed(data[:half])
    parser.resume()
    parser.bulk()
    parser.feed(data[half:])


def _spade(data: bytes) -> None:
    spade.decode(ElementTree.fromstring(data))


def _ndjson(data: bytes) -> None:
    for line in data.split(b"\n"):
        wire.from_any(wire.parse_json(line), agent="key:x", now=1)


def _tsp_parts(data: bytes) -> None:
    tsp.token_of(data)
    tsp.gen_time(data)
    tsp.certificates_of(data)
    tsp_query.parse_query(data)


def _note(data: bytes) -> None:
    text = _text(data)
    checkpoint.signatures(text)
    checkpoint.parse_note(text)


def _archive(data: bytes) -> None:
    limits = archive.Limits(total=8_000_000, member=1_000_000, members=500)
    for _ in archive.read(data, "x.whl", limits):
        pass


def _strace(data: bytes) -> None:
    reader = lines.Reader()
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        found = reader.read(line)
        if isinstance(found, lines.Call):
            for part in lines.parts(found.args):
                lines.text(part)
                lines.strings(part)
                lines.decoration(part)


def _frames(data: bytes) -> None:
    source, folding = stream.Source(io.BytesIO(data)), strace.Folding(Artifact("pypi", "x"), Environment(), 0.0)
    while (frame := source.read()) is not None:
        folding.add(*frame)
    folding.report()


def _dns(data: bytes) -> None:
    found = names.question(data)
    if found is not None:
        name, kind, end = found
        names.Names().address(name)
        names.answer(data, end, kind, "1.2.3.4")


def _http(data: bytes) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.setblocking(False)
        here.settimeout(0.01)
        there.send(data[:60_000])
        there.shutdown(socket.SHUT_WR)
        sinkhole._http_rest(here, b"")


def _rules(data: bytes) -> None:
    rules.read(data)


def _yara(data: bytes) -> None:
    Rules({"x": data.decode("utf-8", "replace")}, "fuzz")


def _settings(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pumpkin.toml").write_bytes(data)
        settings.load(Path(folder))


def _manifest(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for name in NAMES:
        try:
            manifests.read(name, text)
        except PumpkinError:
            continue


def _parsers(data: bytes) -> None:
    for name in ("raw", "lines", "json", "csv", "keyvalue", "nmap", "junit", "prometheus", "regex"):
        json.dumps(parsers.normalise(name, data, {"pattern": "(a+)b"}))


def _backup(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "b"
        file.write_bytes(data)
        backup.open_into(file, Path(folder), backup.Secret(passphrase="x"))


def _tar(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _archives() -> list[bytes]:
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("x/__init__.py", "print(1)\n" * 20)
        zipped.writestr("inner.tar", _tar("a/b", b"c" * 40))
    bare = _tar("package/index.js", b"1;" * 30)
    return [wheel.getvalue(), bare, gzip.compress(bare), lzma.compress(bare)]
