"""Fresh secrets a run, laid where thieves look, and recognised in whatever leaves.

A decoy that turns up in what reached the sinkhole is proof that it left the machine. It is looked for as it is, in
hexadecimal, in base64 (both alphabets, at each of the three alignments) and percent-encoded.
"""

from __future__ import annotations

import base64
import os
import secrets
import string
import urllib.parse
import zlib
from pathlib import Path

_LETTERS = string.ascii_letters + string.digits
_INFLATED_LIMIT = 4 << 20


def _random(size: int, letters: str = _LETTERS) -> str:
    return "".join(secrets.choice(letters) for _ in range(size))


class Decoys:
    """The secrets of one run: `files` path to text, `environment` name to value."""

    def __init__(self, home: str) -> None:
        key = base64.b64encode(b"openssh-key-v1\0" + secrets.token_bytes(380)).decode()
        lines = "\n".join(key[at : at + 70] for at in range(0, len(key), 70))
        aws_id, aws_secret = "AKIA" + _random(16, string.ascii_uppercase + "234567"), _random(40)
        npm, token = "npm_" + _random(36), "ghp_" + _random(36)
        database = _random(24)
        self._secrets = {
            "ssh key": key[140:204],
            "aws access key id": aws_id,
            "aws secret key": aws_secret,
            "npm token": npm,
            "environment token": token,
            "database password": database,
        }
        self.files = {
            f"{home}/.ssh/id_rsa": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}\n-----END OPENSSH PRIVATE KEY-----\n",
            f"{home}/.aws/credentials": f"[default]\n"
            f"aws_access_key_id = {aws_id}\naws_secret_access_key = {aws_secret}\n",
            f"{home}/.npmrc": f"//npm.example/:_authToken={npm}\n",
            f"{home}/.netrc": f"machine git.example login dev password {token}\n",
        }
        self.environment = {
            "GITHUB_TOKEN": token,
            "AWS_ACCESS_KEY_ID": aws_id,
            "AWS_SECRET_ACCESS_KEY": aws_secret,
            "DATABASE_URL": f"postgresql://app:{database}@db.example/app",
        }
        self._forms = {name: _forms(value) for name, value in self._secrets.items()}

    def lay(self, owner: int) -> None:
        """Write the files, readable by their owner alone."""
        for name, content in self.files.items():
            path = Path(name)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.write_text(content)
            path.chmod(0o600)
        for name in self.files:  # not before all are written: root is no owner then, and has no right to override
            os.chown(name, owner, owner)
            os.chown(Path(name).parent, owner, owner)

    def find(self, data: bytes) -> list[tuple[str, str]]:
        """(secret's name, form) of each decoy in `data`; compressed bodies are looked into, too."""
        found = []
        for view in (data, *_inflated(data)):
            for name, forms in self._forms.items():
                hit = next((form for form, needle in forms if needle in view), None)
                if hit and (name, hit) not in found:
                    found.append((name, hit))
        return found

    def find_in_name(self, name: str) -> list[tuple[str, str]]:
        """The same for a host name: labels joined, upper and lower case taken as equal."""
        joined = name.replace(".", "").lower().encode("ascii", "replace")
        return [
            (secret, form)
            for secret, forms in self._forms.items()
            for form, needle in forms
            if needle[:48].lower() in joined
        ]


def _forms(value: str) -> list[tuple[str, bytes]]:
    raw = value.encode("ascii")
    forms = [("plain", raw), ("hex", raw.hex().encode()), ("hex", raw.hex().upper().encode())]
    for shift in range(3):
        # the letters that do not depend on what stands before and after
        text = base64.b64encode(b"\0" * shift + raw)
        start, end = (0, 2, 3)[shift], (len(raw) + shift) // 3 * 4
        forms.append(("base64", text[start:end]))
        forms.append(("base64", text[start:end].replace(b"+", b"-").replace(b"/", b"_")))
    forms.append(("percent", urllib.parse.quote(value, safe="").encode()))
    forms.append(("reversed", raw[::-1]))
    forms.append(("base32", base64.b32encode(raw).rstrip(b"=")[:-2]))
    return forms


def _inflated(data: bytes) -> list[bytes]:
    found = []
    for start, bits in (
        (data.find(b"\x1f\x8b\x08"), 31),
        (data.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in data else -1, 47),
    ):
        if start >= 0:
            try:
                found.append(zlib.decompressobj(bits).decompress(data[start:], _INFLATED_LIMIT))
            except zlib.error:
                continue
    return found
