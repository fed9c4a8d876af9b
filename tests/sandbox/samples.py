"""Inert sample packages, made in memory: each does one thing a report must show, to documentation addresses only."""

from __future__ import annotations

import gzip
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


def gem(name: str, library: str = "", *, extension: str = "", version: str = "1.0.0") -> tuple[str, bytes]:
    """A RubyGems package; `extension` is an extconf.rb, which runs when the gem is installed."""
    files = {f"lib/{name}.rb": library} | ({"ext/extconf.rb": extension} if extension else {})
    extensions = "extensions:\n- ext/extconf.rb\n" if extension else "extensions: []\n"
    listed = "".join(f"- {path}\n" for path in files)
    about = (
        f"--- !ruby/object:Gem::Specification\nname: {name}\nversion: !ruby/object:Gem::Version\n  version: {version}\n"
        "platform: ruby\nauthors:\n- nobody\nautorequire: \nbindir: bin\ncert_chain: []\ndate: 2020-01-01\n"
        f"dependencies: []\nsummary: a sample\nemail: \nexecutables: []\n{extensions}extra_rdoc_files: []\n"
        f"files:\n{listed}homepage: \nlicenses: []\nmetadata: {{}}\nrequire_paths:\n- lib\nrubygems_version: 3.3.5\n"
        'required_ruby_version: !ruby/object:Gem::Requirement\n  requirements:\n  - - ">="\n'
        '    - !ruby/object:Gem::Version\n      version: "0"\n'
        'required_rubygems_version: !ruby/object:Gem::Requirement\n  requirements:\n  - - ">="\n'
        '    - !ruby/object:Gem::Version\n      version: "0"\nspecification_version: 4\ntest_files: []\n'
    )
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for path, content in (("metadata.gz", gzip.compress(about.encode())), ("data.tar.gz", _tar(files))):
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    return f"{name}-{version}.gem", made.getvalue()


def composer(name: str, source: str, *, root: str = "sample-abc123") -> tuple[str, bytes]:
    """A Packagist archive as a forge makes it: one folder, composer.json in it, one autoloaded file."""
    about = {"name": name, "autoload": {"files": ["src/start.php"]}}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{root}/composer.json", json.dumps(about))
        archive.writestr(f"{root}/src/start.php", source)
    return f"{name.replace('/', '-')}.zip", made.getvalue()


def crate(name: str, library: str = "", *, build: str = "", version: str = "1.0.0") -> tuple[str, bytes]:
    """A crate; `build` is a build.rs, which runs when it is built."""
    root = f"{name}-{version}"
    about = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'
    files = {f"{root}/Cargo.toml": about, f"{root}/src/lib.rs": library}
    return f"{root}.crate", _tar(files | ({f"{root}/build.rs": build} if build else {}))


def jar(name: str, classes: dict[str, bytes]) -> tuple[str, bytes]:
    """A jar of compiled classes (path without .class to bytes)."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n\r\n")
        for path, content in classes.items():
            archive.writestr(f"{path}.class", content)
    return f"{name}.jar", made.getvalue()
