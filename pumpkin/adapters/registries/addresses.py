"""Where registries are: settings, else what pip and npm are configured with, else what a library knows.

PyPI's and npm's addresses stand nowhere in our source: pip's configuration and npm's say them, and where those are
silent purl2url of packageurl-python does.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from packageurl.contrib import purl2url
from yarl import URL

_NPM_LINE = re.compile(r"\s*registry\s*=\s*(\S+)\s*\Z")


def pypi_index(environ: Mapping[str, str] = os.environ) -> str:
    """The simple index pip would use, without credentials' user part removed: `https://HOST/simple`."""
    given = environ.get("PIP_INDEX_URL") or _from_pip_files(environ)
    if given:
        return given.strip().rstrip("/")
    known = URL(str(purl2url.get_repo_url("pkg:pypi/pip")))  # type: ignore[no-untyped-call]
    return str(known.origin() / "simple")


def npm_registry(environ: Mapping[str, str] = os.environ) -> str:
    """The registry npm would use."""
    given = environ.get("npm_config_registry") or environ.get("NPM_CONFIG_REGISTRY") or _from_npm_files(environ)
    if given:
        return given.strip().rstrip("/")
    return str(URL(str(purl2url.get_download_url("pkg:npm/npm@1"))).origin())  # type: ignore[no-untyped-call]


def authority_file(environ: Mapping[str, str] = os.environ) -> str | None:
    """Further certificates pip trusts (`cert`), where configured and there."""
    path = environ.get("PIP_CERT") or environ.get("SSL_CERT_FILE") or _pip_value(environ, "cert")
    return path if path and Path(path).is_file() else None


def _from_pip_files(environ: Mapping[str, str]) -> str | None:
    return _pip_value(environ, "index-url") or _pip_value(environ, "index_url")


def _pip_value(environ: Mapping[str, str], key: str) -> str | None:
    """pip's order, the last file that says it wins: global, user (old and new place), environment's, site."""
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return None
    home = Path(environ.get("HOME", "/nonexistent"))
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    places = [
        *(Path(base) / "pip" / "pip.conf" for base in reversed(environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"))),
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        config_home / "pip" / "pip.conf",
        Path(sys.prefix) / "pip.conf",
        Path(environ["PIP_CONFIG_FILE"]) if environ.get("PIP_CONFIG_FILE") else None,
    ]
    found = None
    for place in places:
        parser = configparser.RawConfigParser(strict=False)
        try:
            if place is not None:
                parser.read_string(place.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        for section in ("global", "download"):
            found = parser.get(section, key, fallback=None) or found
    return found


def _from_npm_files(environ: Mapping[str, str]) -> str | None:
    """npm's order, the first that says it wins: the user's file, the global one."""
    home = Path(environ.get("HOME", "/nonexistent"))
    named = environ.get("NPM_CONFIG_USERCONFIG") or environ.get("npm_config_userconfig")
    for place in (Path(named) if named else home / ".npmrc", Path("/usr/local/etc/npmrc"), Path("/etc/npmrc")):
        try:
            lines = place.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            found = _NPM_LINE.match(line)
            if found:
                return found.group(1).strip("\"'")
    return None
