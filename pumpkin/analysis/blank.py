"""Packages that do nothing, one an ecosystem: what the sandbox tells of them is the image's doing, not a package's."""

from __future__ import annotations

import io
import json
import tarfile
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


def _tar(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(text), 0o644
            archive.addfile(info, io.BytesIO(text.encode()))
    return made.getvalue()


BLANK: dict[str, Callable[[], Archive]] = {"pypi": pypi, "npm": npm}
