"""Inert sample packages, made in memory: each does one thing a report must show, to documentation addresses only."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile


def sdist(name: str, module: str = "", *, setup: str = "", version: str = "1.0") -> tuple[str, bytes]:
    """A PyPI source distribution with one module; `setup` runs at the beginning of setup.py."""
    root = f"{name}-{version}"
    files = {
        f"{root}/setup.py": f"{setup}\nfrom setuptools import setup\n"
        f"setup(name={name!r}, version={version!r}, py_modules=[{name!r}])\n",
        f"{root}/{name}.py": module,
        f"{root}/PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    return f"{root}.tar.gz", _tar(files)


def wheel(
    name: str, module: str = "", *, version: str = "1.0", more: dict[str, str] | None = None
) -> tuple[str, bytes]:
    """A PyPI wheel with one module and whatever stands in `more` (path to text)."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: samples\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **(more or {}),
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return f"{name}-{version}-py3-none-any.whl", made.getvalue()


def npm(
    name: str, index: str = "", *, scripts: dict[str, str] | None = None, version: str = "1.0.0"
) -> tuple[str, bytes]:
    """An npm package with index.js and lifecycle scripts."""
    about = {"name": name, "version": version, "main": "index.js", "scripts": scripts or {}}
    return f"{name}-{version}.tgz", _tar({"package/package.json": json.dumps(about), "package/index.js": index})


def _tar(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for path, text in files.items():
            content = text.encode()
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()
