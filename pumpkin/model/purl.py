"""Package URLs by their specification (ECMA-427), parsed by grammar before anything else sees them.

`Purl.parse` takes what a stranger wrote and gives canonical parts or `InvalidPurl`; `Purl.package` asks besides that
the package be one of the ecosystems Pumpkin knows, in that ecosystem's own alphabet. packageurl-python is not the
parser: it drops newlines silently (urlsplit), lowers the digits of percent-escapes and takes `name@` for a name.
The specification's suite stands in tests/model/data; docs/purl.md lists what is read otherwise here, and why.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import quote, unquote_to_bytes

from pumpkin.errors import InvalidPurl, UnsupportedEcosystem

LENGTH_LIMIT = 2_048
ECOSYSTEMS = ("pypi", "npm", "gem", "maven", "composer", "cargo", "apk")
ALIASES = MappingProxyType({"packagist": "composer", "rubygems": "gem"})
# What people and the old routes call the same seven; for paths and options, not for purls.
SPELLINGS = MappingProxyType(
    {**ALIASES, "php": "composer", "ruby": "gem", "rust": "cargo", "crates": "cargo", "crates.io": "cargo"}
    | {"wolfi": "apk"}
    | {name: name for name in ECOSYSTEMS}
)

_TYPE = re.compile(r"[a-z][a-z0-9.-]*\Z")
_KEY = re.compile(r"[a-z][a-z0-9._-]*\Z")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_RUN = re.compile(r"[-_.]+")
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_ASCII_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")

# Types whose definitions say "not case sensitive".
_LOWER_NAMESPACE = frozenset({"alpm", "apk", "bitbucket", "composer", "deb", "github", "gitlab", "hex", "luarocks"})
_LOWER_NAMESPACE |= {"pypi", "qpkg", "rpm"}
_LOWER_NAME = frozenset({"alpm", "apk", "bitbucket", "bitnami", "composer", "deb", "github", "gitlab", "hex"})
_LOWER_NAME |= {"luarocks", "oci", "pub", "pypi"}
_LOWER_VERSION = frozenset({"huggingface", "oci"})
_NAMESPACE_NEEDED = frozenset({"alpm", "bitbucket", "composer", "cpan", "github", "swift"})
_NAMESPACE_REFUSED = frozenset({"bitnami", "cargo", "cocoapods", "conda", "cran", "gem", "hackage", "mlflow", "nuget"})
_NAMESPACE_REFUSED |= {"oci", "opam", "otp", "pub", "pypi", "julia"}


# Qualifiers that pick a file among those of one version.
_SELECTING = {"gem": ("platform",), "maven": ("type", "classifier")}


@dataclass(frozen=True, slots=True)
class _Alphabet:
    """What an ecosystem's registry takes as a name and a version; `namespace` null where there is none."""

    name: re.Pattern[str]
    version: re.Pattern[str]
    namespace: re.Pattern[str] | None = None
    needs_namespace: bool = False


_SIMPLE_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~_-]{0,127}\Z")
_ALPHABETS: Mapping[str, _Alphabet] = {
    "pypi": _Alphabet(  # PEP 508, PEP 440
        re.compile(r"[a-z0-9](?:[a-z0-9-]{0,198}[a-z0-9])?\Z"), re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]{0,127}\Z")
    ),
    "npm": _Alphabet(
        re.compile(r"[A-Za-z0-9~!*'()_-][A-Za-z0-9.~!*'()_-]{0,213}\Z"),
        _SIMPLE_VERSION,
        re.compile(r"@[A-Za-z0-9~_-][A-Za-z0-9.~_-]{0,212}\Z"),
    ),
    "gem": _Alphabet(re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}\Z"), _SIMPLE_VERSION),
    "maven": _Alphabet(
        re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}\Z"),
        _SIMPLE_VERSION,
        re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){0,30}\Z"),
        needs_namespace=True,
    ),
    "composer": _Alphabet(
        re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,198}[a-z0-9])?\Z"),
        _SIMPLE_VERSION,
        re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,198}[a-z0-9])?\Z"),
        needs_namespace=True,
    ),
    "cargo": _Alphabet(re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z"), _SIMPLE_VERSION),
    "apk": _Alphabet(
        re.compile(r"[a-z0-9][a-z0-9+._-]{0,199}\Z"), _SIMPLE_VERSION, re.compile(r"wolfi\Z"), needs_namespace=True
    ),
}


@dataclass(frozen=True, slots=True)
class Purl:
    """A package URL in canonical parts: percent-escapes decoded, case and separators as the type defines.

    `namespace` has its segments joined by `/`; `qualifiers` are sorted by key and have no empty values. Two purls of
    one package compare equal. Nothing here says that such a package exists.
    """

    type: str
    namespace: str | None
    name: str
    version: str | None = None
    qualifiers: Mapping[str, str] = field(default_factory=dict, hash=False)
    subpath: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The purl `text` says. `InvalidPurl` for anything else, at most 2,048 characters.

        The aliases `packagist` and `rubygems` become `composer` and `gem`. ECMA-427 section 5.6, with an `@scope` of
        npm taken as it is.
        """
        _plain(text)
        rest, subpath = _split_last(text.strip(" "), "#")
        rest, qualifiers = _split_last(rest, "?")
        scheme, colon, rest = rest.partition(":")
        if not colon or scheme.translate(_ASCII_LOWER) != "pkg":
            raise InvalidPurl
        kind, slash, path = rest.strip("/").partition("/")
        if not slash:
            raise InvalidPurl(f"{_shown(text)} names no package: a purl is pkg:type/namespace/name@version")
        path, version = _split_version(path.strip("/"))
        *namespace, name = path.split("/")
        return cls.build(
            kind,
            "/".join(_decoded(part) for part in namespace if part and _no_slash(_decoded(part))),
            _decoded(name),
            None if version is None else _decoded(version),
            _read_qualifiers(qualifiers),
            "/".join(part for part in map(_decoded, subpath.split("/")) if _no_slash(part) not in ("", ".", "..")),
        )

    @classmethod
    def build(
        cls,
        type: str,
        namespace: str | None,
        name: str,
        version: str | None = None,
        qualifiers: Mapping[str, str] | None = None,
        subpath: str | None = None,
    ) -> Self:
        """A purl of decoded parts, made canonical; the same checks as `parse`."""
        kind = type.translate(_ASCII_LOWER)
        kind = ALIASES.get(kind, kind)
        if not _TYPE.match(kind):
            raise InvalidPurl(f"{_shown(type)} is not a purl type")
        namespace = _canonical_namespace(kind, (namespace or "").strip("/")) or None
        name = _canonical_name(kind, name, qualifiers or {})
        if namespace is None and kind in _NAMESPACE_NEEDED:
            raise InvalidPurl(f"a purl of type {kind} has a namespace before the name")
        if namespace is not None and kind in _NAMESPACE_REFUSED:
            raise InvalidPurl(f"a purl of type {kind} has no namespace; this one has {_shown(namespace)}")
        if version is not None and kind in _LOWER_VERSION:
            version = version.translate(_ASCII_LOWER)
        for part in (namespace, name, version, subpath, *(qualifiers or {}).values()):
            _plain(part or "-")
        kept = {key.translate(_ASCII_LOWER): value for key, value in (qualifiers or {}).items() if value}
        if any(not _KEY.match(key) for key in kept):
            raise InvalidPurl("a qualifier's key has letters, digits, '.', '-' and '_' only")
        return cls(kind, namespace, name, version or None, dict(sorted(kept.items())), subpath or None)

    @classmethod
    def package(cls, text: str) -> Self:
        """`parse`, then: is it a package Pumpkin can ask a registry about?

        `UnsupportedEcosystem` for other types; `InvalidPurl` where name, namespace or version leave the alphabet of
        the registry (so none can hold `/`, `..`, spaces or letters that only look Latin). An `apk` purl without
        namespace is Wolfi's.
        """
        purl = cls.parse(text)
        if purl.type not in ECOSYSTEMS:
            raise UnsupportedEcosystem
        if purl.type == "apk" and purl.namespace is None:
            purl = replace(purl, namespace="wolfi")
        if purl.type == "apk" and purl.namespace != "wolfi":
            raise UnsupportedEcosystem(f"of apk packages only Wolfi's are known, not {_shown(purl.namespace or '')}")
        purl.check()
        return purl

    def check(self) -> None:
        """`InvalidPurl` where a part leaves the alphabet of its registry; `UnsupportedEcosystem` for other types."""
        alphabet = _ALPHABETS.get(self.type)
        if alphabet is None:
            raise UnsupportedEcosystem
        if not alphabet.name.match(self.name) or self.name in (".", ".."):
            raise InvalidPurl(f"{_shown(self.name)} is no name of a package of {self.type}")
        if self.namespace is None and alphabet.needs_namespace:
            raise InvalidPurl(f"a package of {self.type} has a namespace before its name")
        if self.namespace is not None and not (alphabet.namespace and alphabet.namespace.match(self.namespace)):
            raise InvalidPurl(f"{_shown(self.namespace)} is no namespace of {self.type}")
        if self.version is not None and not alphabet.version.match(self.version):
            raise InvalidPurl(f"{_shown(self.version)} is no version of a package of {self.type}")

    @property
    def canonical(self) -> str:
        """The canonical text, ASCII: what is stored, compared and shown."""
        parts = ["pkg:", self.type, "/"]
        if self.namespace:
            parts += ["/".join(_encoded(part) for part in self.namespace.split("/")), "/"]
        parts.append(_encoded(self.name))
        if self.version:
            parts += ["@", _encoded(self.version)]
        if self.qualifiers:
            pairs = (f"{key}={quote(value, safe='/:-._~')}" for key, value in self.qualifiers.items())
            parts += ["?", "&".join(pairs)]
        if self.subpath:
            parts += ["#", "/".join(_encoded(part) for part in self.subpath.split("/"))]
        return "".join(parts)

    def __str__(self) -> str:
        return self.canonical

    @property
    def full_name(self) -> str:
        """The name as its registry's users write it: `@scope/name`, `group:artifact`, `vendor/name`, `name`."""
        if self.namespace is None or self.type == "apk":
            return self.name
        return f"{self.namespace}{':' if self.type == 'maven' else '/'}{self.name}"

    @property
    def key(self) -> str:
        """What makes two purls the same package whatever the version: `pkg:type/namespace/name`."""
        return Purl(self.type, self.namespace, self.name).canonical

    def selected(self) -> Purl:
        """The purl of what is analysed: qualifiers stay only where they pick another file of the same version (a gem's
        platform, a Maven artifact's type and classifier), the subpath goes. Equal packages are equal by this. Other
        qualifiers, `repository_url` among them, change nothing: only the configured registry is ever asked."""
        kept = {key: value for key, value in self.qualifiers.items() if key in _SELECTING.get(self.type, ())}
        if kept.get("platform") == "ruby" or kept == {"type": "jar"}:
            kept = {}
        return Purl.build(self.type, self.namespace, self.name, self.version, kept)

    def at(self, version: str | None) -> Purl:
        """The same package at another version (none: no version)."""
        return Purl.build(self.type, self.namespace, self.name, version, self.qualifiers, self.subpath)

    def as_dict(self) -> dict[str, Any]:
        """The parts (null where absent, as in the specification's suite) and the canonical form."""
        return {
            "type": self.type,
            "namespace": self.namespace,
            "name": self.name,
            "version": self.version,
            "qualifiers": dict(self.qualifiers) or None,
            "subpath": self.subpath,
            "canonical": self.canonical,
        }


def of_name(ecosystem: str, full_name: str, version: str | None = None) -> Purl:
    """The purl of a package by the name its users write: `of_name("maven", "org.example:lib")`.

    Takes the ecosystems' other spellings too (`rust`, `wolfi`, ...). `UnsupportedEcosystem`, `InvalidPurl`.
    """
    kind = SPELLINGS.get(ecosystem.translate(_ASCII_LOWER))
    if kind is None:
        raise UnsupportedEcosystem
    namespace: str | None = None
    name = full_name
    if kind == "maven":
        namespace, _, name = full_name.replace("/", ":").rpartition(":")
    elif kind in ("npm", "composer"):
        namespace, _, name = full_name.rpartition("/")
    elif kind == "apk":
        namespace = "wolfi"
    purl = Purl.build(kind, namespace or None, name, version)
    purl.check()
    return purl


def _split_last(text: str, mark: str) -> tuple[str, str]:
    left, found, right = text.rpartition(mark)
    return (left, right) if found else (text, "")


def _split_version(path: str) -> tuple[str, str | None]:
    """Path and version, apart at the rightmost `@`; an `@` that opens a segment is npm's scope (or npm's name)."""
    at = path.rfind("@")
    if at < 0 or (at == 0 and "/" in path) or (path[at - 1] == "/" and "/" in path[at:]):
        left, version = path, None
    else:
        left, version = path[:at], path[at + 1 :]
        if not version:
            raise InvalidPurl(f"the version after '@' is empty in {_shown(path)}")
    if any("@" in part[part.startswith("@") :] for part in left.split("/")):
        raise InvalidPurl(f"an '@' inside a name is written %40: {_shown(path)}")
    return left.rstrip("/") if left.strip("/") else left, version


def _read_qualifiers(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, text.split("&")):
        key, equals, value = pair.partition("=")
        key = key.translate(_ASCII_LOWER)
        if not equals or key in found:
            raise InvalidPurl(f"qualifiers are key=value pairs, each key once: {_shown(pair)}")
        found[key] = _decoded(value)
    return found


def _canonical_namespace(kind: str, text: str) -> str:
    if kind in _LOWER_NAMESPACE:
        return text.translate(_ASCII_LOWER)
    return text.translate(_ASCII_UPPER) if kind == "cpan" else text


def _canonical_name(kind: str, text: str, qualifiers: Mapping[str, str]) -> str:
    name = _no_slash(text.strip(" "))
    if not name:
        raise InvalidPurl("a purl has a name: pkg:type/namespace/name@version")
    if kind in _LOWER_NAME or (kind == "mlflow" and "databricks" in qualifiers.get("repository_url", "").lower()):
        name = name.translate(_ASCII_LOWER)
    if kind == "pypi":  # PEP 503
        name = _RUN.sub("-", name)
    if kind == "pub" and not re.fullmatch(r"[a-z0-9_]+", name):
        raise InvalidPurl(f"a package of pub has letters, digits and '_' in its name only: {_shown(text)}")
    return name


def _decoded(text: str) -> str:
    """Percent-escapes decoded as UTF-8; InvalidPurl where they are broken."""
    if "%" not in text:
        return text
    if _ESCAPE.search(text):
        raise InvalidPurl(f"a '%' is followed by two hexadecimal digits: {_shown(text)}")
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError as broken:
        raise InvalidPurl(f"the percent-escapes are not UTF-8: {_shown(text)}") from broken


def _encoded(text: str) -> str:
    """ECMA-427 section 5.4: letters, digits and `.-_~` stay, and `:`; all else is escaped in capitals."""
    return quote(text, safe=":-._~")


def _no_slash(part: str) -> str:
    if "/" in part or "\\" in part:
        raise InvalidPurl(f"an escaped slash does not stand in a name: {_shown(part)}")
    return part


def _plain(text: str) -> None:
    """InvalidPurl for too long a text, controls, line ends, and characters that hide or turn what is read."""
    if not isinstance(text, str) or not text.strip():
        raise InvalidPurl
    if len(text) > LENGTH_LIMIT:
        raise InvalidPurl(f"a purl has at most {LENGTH_LIMIT} characters; this one has {len(text)}")
    if not text.isascii() or not text.isprintable():
        bad = next((c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")), None)
        if bad is not None:
            raise InvalidPurl(f"U+{ord(bad):04X} does not stand in a purl")


def _shown(text: str) -> str:
    """At most 60 characters of foreign text, escaped, for an error's sentence."""
    return ascii(text[:60] + ("..." if len(text) > 60 else ""))
