"""Purls out of manifests: each format as its tools write it, and what is no package of a registry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pumpkin.errors import InvalidRequest
from pumpkin.model import manifests


def test_requirements_as_pip_reads_them() -> None:
    text = """# comment
requests==2.32.3  # why
Flask[async]>=2,<4 ; python_version > "3.8"
zope.interface===6.0
six==1.16.0 \\
    --hash=sha256:abc
-r other.txt
--index-url https://index.example/simple
git+https://host.example/x.git
./local
name @ https://host.example/name.zip
"""
    found = manifests.read("path/requirements.txt", text)
    assert found.purls == (
        "pkg:pypi/requests@2.32.3",
        "pkg:pypi/flask",
        "pkg:pypi/zope-interface@6.0",
        "pkg:pypi/six@1.16.0",
    )
    assert len(found.skipped) == 5


def test_locks_of_npm_old_and_new() -> None:
    new = {
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "own"},
            "node_modules/@a/b": {"version": "1.0.0", "resolved": "https://registry.example/b.tgz"},
            "node_modules/x/node_modules/y": {"version": "2.0.0"},
            "node_modules/linked": {"resolved": "packages/linked", "link": True},
            "node_modules/forked": {"version": "1.0.0", "resolved": "git+ssh://git@host.example/f.git"},
        },
    }
    found = manifests.read("package-lock.json", json.dumps(new))
    assert found.purls == ("pkg:npm/%40a/b@1.0.0", "pkg:npm/y@2.0.0")
    assert len(found.skipped) == 2
    old = {
        "lockfileVersion": 1,
        "dependencies": {"x": {"version": "1.0.0", "dependencies": {"y": {"version": "2.0.0"}}}},
    }
    assert manifests.read("package-lock.json", json.dumps(old)).purls == ("pkg:npm/x@1.0.0", "pkg:npm/y@2.0.0")


def test_locks_of_uv_poetry_and_cargo() -> None:
    uv = """version = 1
[[package]]
name = "own"
version = "0.1.0"
source = { editable = "." }
[[package]]
name = "six"
version = "1.16.0"
source = { registry = "https://index.example/simple" }
"""
    assert manifests.read("uv.lock", uv) == manifests.Found(("pkg:pypi/six@1.16.0",), ("own 0.1.0",))
    poetry = '[[package]]\nname = "six"\nversion = "1.16.0"\n'
    assert manifests.read("poetry.lock", poetry).purls == ("pkg:pypi/six@1.16.0",)
    cargo = (
        '[[package]]\nname = "own"\nversion = "1.0.0"\n'
        '[[package]]\nname = "serde"\nversion = "1.0.1"\nsource = "registry+https://index.example"\n'
    )
    assert manifests.read("Cargo.lock", cargo).purls == ("pkg:cargo/serde@1.0.1",)


def test_bills_of_materials() -> None:
    cyclone = {
        "bomFormat": "CycloneDX",
        "components": [
            {"name": "a", "purl": "pkg:pypi/A@1"},
            {"name": "b"},
            {"name": "c", "purl": "pkg:deb/debian/c@1"},
        ],
    }
    assert manifests.read("bom.json", json.dumps(cyclone)) == manifests.Found(
        ("pkg:pypi/a@1",), ("b", "pkg:deb/debian/c@1")
    )
    reference = {"referenceType": "purl", "referenceLocator": "pkg:npm/%40a/b@1.0.0"}
    spdx = {"spdxVersion": "SPDX-2.3", "packages": [{"name": "x", "externalRefs": [reference]}, {"name": "y"}]}
    assert manifests.read("sbom.spdx.json", json.dumps(spdx)) == manifests.Found(("pkg:npm/%40a/b@1.0.0",), ("y",))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.zip", ""),
        ("uv.lock", "not toml ["),
        ("uv.lock", "x = 1"),
        ("package-lock.json", "[]"),
        ("package-lock.json", "{"),
        ("bom.json", "{}"),
        ("bom.json", "[" * 100_000),
        ("package-lock.json", '{"lockfileVersion": 3, "packages": []}'),
    ],
)
def test_what_is_none_is_refused(name: str, text: Any) -> None:
    with pytest.raises(InvalidRequest):
        manifests.read(name, text)
