"""Packages that do nothing, one an ecosystem: what the sandbox tells of them is the image's doing, not a package's."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable

Archive = tuple[str, bytes]


def pypi() -> Archive:
    """A source distribution, so that what building one does is known too."""
    about = "Metadata-Version: 2.1\nName: blank\nVersion: 1.0\n"
    setup = "from setuptools import setup\nsetup(name='blank', version='1.0', py_modules=['blank'])\n"
    files = {"blank-1.0/setup.py": setup, "blank-1.0/blank.py": "", "blank-1.0/PKG-INFO": about}
    return "blank-1.0.tar.gz", _tar(files)


def npm() -> Archive:
    """A package with one empty module."""
    about = json.dumps({"name": "blank", "version": "1.0.0", "main": "index.js"})
    return "blank-1.0.0.tgz", _tar({"package/package.json": about, "package/index.js": ""})


def gem() -> Archive:
    """A gem with one empty file."""
    always = (
        "!ruby/object:Gem::Requirement\n  requirements:\n  - - '>='\n    - !ruby/object:Gem::Version\n"
        "      version: '0'"
    )
    about = (
        "--- !ruby/object:Gem::Specification\nname: blank\nversion: !ruby/object:Gem::Version\n  version: 1.0.0\n"
        "platform: ruby\nauthors: [nobody]\nbindir: bin\ndate: 2020-01-01\ndependencies: []\nsummary: blank\n"
        "executables: []\nextensions: []\nextra_rdoc_files: []\nfiles: [lib/blank.rb]\nlicenses: []\nmetadata: {}\n"
        f"require_paths: [lib]\nrequired_ruby_version: {always}\nrequired_rubygems_version: {always}\n"
        "rubygems_version: 3.3.5\nspecification_version: 4\ntest_files: []\n"
    )
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        _add(archive, "metadata.gz", gzip.compress(about.encode()))
        _add(archive, "data.tar.gz", _tar({"lib/blank.rb": ""}))
    return "blank-1.0.0.gem", made.getvalue()


def composer() -> Archive:
    """A package with one empty file."""
    about = json.dumps({"name": "blank/blank", "autoload": {"files": ["blank.php"]}})
    return "blank.zip", _zip({"blank-1/composer.json": about, "blank-1/blank.php": "<?php\n"})


def cargo() -> Archive:
    """A crate with an empty library."""
    about = '[package]\nname = "blank"\nversion = "1.0.0"\nedition = "2021"\n'
    return "blank-1.0.0.crate", _tar({"blank-1.0.0/Cargo.toml": about, "blank-1.0.0/src/lib.rs": ""})


def maven() -> Archive:
    """A jar without classes."""
    return "blank.jar", _zip({"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\r\n\r\n"})


def _tar(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for path, text in files.items():
            _add(archive, path, text.encode())
    return made.getvalue()


def _add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(content), 0o644
    archive.addfile(info, io.BytesIO(content))


def _zip(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return made.getvalue()


BLANK: dict[str, Callable[[], Archive]] = {
    "pypi": pypi, "npm": npm, "gem": gem, "composer": composer, "cargo": cargo, "maven": maven,
}  # fmt: skip
