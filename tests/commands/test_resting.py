"""An idle server is small: what is not needed yet is not loaded, and what only its start needed is given back."""

from __future__ import annotations

import subprocess
import sys

from pumpkin.adapters.resting import unwritten

SMAPS = """\
7f0000000000-7f0000002000 r-xp 00001000 fe:00 123   /lib/code.so
Anonymous:             0 kB
7f0000002000-7f0000003000 r--p 00003000 fe:00 123   /lib/relocated.so
Anonymous:             4 kB
7f0000003000-7f0000004000 rw-p 00004000 fe:00 123   /lib/data.so
Anonymous:             0 kB
7f0000004000-7f0000005000 r--p 00000000 00:00 0     [vvar]
Anonymous:             0 kB
7f0000005000-7f0000006000 r--s 00000000 fe:00 124   /lib/shared.mo
Anonymous:             0 kB
7f0000006000-7f0000009000 r--p 00000000 fe:00 125   /lib/with a space.so
Anonymous:             0 kB
"""

LOADED = """
import sys
import pumpkin.commands.serve
import pumpkin.web.pages
print(" ".join(sys.modules))
"""

WORKS = """
import hashlib, re, ssl
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pumpkin.adapters.resting import rest
def files():
    return int(re.search(r"RssFile:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
key = Ed25519PrivateKey.generate()
before = files()
rest()
assert files() < before, (before, files())
key.public_key().verify(key.sign(b"x"), b"x")
ssl.create_default_context()
try:
    int("no number")
except ValueError:
    print("well")
"""


def python(text: str) -> str:
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_an_idle_server_does_not_need_is_not_loaded() -> None:
    """Each was loaded once by a careless import; together they are 25 MB and half a second of every start."""
    loaded = set(python(LOADED).split())
    late = {"slixmpp", "yara_x", "tree_sitter", "rapidfuzz", "sigstore", "cyclonedx", "pymisp", "stix2", "lxml"}
    late |= {"opentelemetry", "rfc3161ng", "joserfc", "zxcvbn", "segno", "prometheus_client", "psutil", "nh3", "pyrage"}
    late |= {"pumpkin.web.openapi", "pumpkin.web.operations", "pumpkin.analysis.python", "pumpkin.analysis.javascript"}
    late |= {"pumpkin.adapters.xmpp", "pumpkin.analysis.judge", "dpkt", "markdown", "bs4"}
    assert loaded & late == set()


def test_models_are_built_when_they_are_first_used() -> None:
    text = "import pumpkin.commands.serve, pumpkin.web.pages\nfrom pumpkin.model.shapes import NativeCheck\n"
    text += "from pumpkin.model.rules import RuleFile\n"
    text += "print(*(one.__pydantic_complete__ for one in (NativeCheck, RuleFile)))"
    assert python(text).split() == ["False", "False"]


def test_only_mappings_nobody_wrote_to_are_given_back() -> None:
    assert list(unwritten(SMAPS)) == [(0x7F0000000000, 0x2000), (0x7F0000006000, 0x3000)]


def test_everything_still_works_after_the_pages_of_libraries_were_given_back() -> None:
    assert python(WORKS).strip() == "well"
