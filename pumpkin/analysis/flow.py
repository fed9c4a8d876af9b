"""What both languages' data flow is made of: values that carry tags, and events where such a value acts.

A tag says where a value came from. `LITERAL` is a long constant: with `DECODE` or `CHARS` it is code that was hidden
in the source. Tags only ever add up, so an analysis that is unsure says more, not less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

HINT_LIMIT = 4096
UNKNOWN = "\ufffc"
"""Stands in a hint for a part of the text that is not known."""

ALTERNATIVE = "\ufff9"
"""Stands in a hint between texts of which any may be the one."""

ALTERNATIVES = 4


class Tag(StrEnum):
    """Where a value came from."""

    NET = "network"
    DECODE = "decoding"
    CHARS = "character arithmetic"
    LITERAL = "a long literal"
    ENV = "an environment variable"
    ENV_ALL = "the whole environment"
    ENV_SECRET = "a secret in the environment"  # noqa: S105 - a sentence, not a password
    SECRET = "secret files"  # noqa: S105
    HOST_NAME = "host name"
    HOST_USER = "user name"
    HOST_ID = "hardware or network address"
    HOST_INFO = "system description"
    FOLDER = "working folder"
    SCREEN = "screen"
    KEYS = "keyboard"
    CREDENTIAL = "a password or key that was handed over"
    TOKEN = "a token that was handed over"  # noqa: S105 - a sentence
    DATA = "a data file"
    VISITOR = "what a visitor of a web server sends"
    WALLET = "keys of a wallet"
    FORM = "what a form was filled with"
    CLIPBOARD = "clipboard"
    AUDIO = "microphone or camera"
    PIXELS = "pixels of a picture"
    COMMAND = "output of a command"
    FILE = "a file"
    DROPPED = "a file just written"
    PICKLE = "a pickle"
    LISTED = "files found by a search"
    SEALED = "encryption"
    HANDED = "what others hand over"


HOST = frozenset({Tag.HOST_NAME, Tag.HOST_USER, Tag.HOST_ID})
SPYING = frozenset({Tag.SCREEN, Tag.KEYS, Tag.CLIPBOARD, Tag.AUDIO, Tag.FORM})
NOTHING: frozenset[Tag] = frozenset()


class Sink(StrEnum):
    """What is done with a value."""

    EXEC = "exec"
    SPAWN = "spawn"
    SEND = "send"
    CONNECT = "connect"
    WRITE = "write"
    UNPICKLE = "unpickle"
    NATIVE = "native"
    REDIRECT = "redirect"
    REGISTRY = "registry"
    DELETE = "delete"
    SCHEDULE = "schedule"
    HIDE = "hide"
    LISTEN = "listen"
    PAGE = "page"
    IMPORT = "import"
    HOOK = "hook"
    CLIPBOARD = "clipboard"
    READ_SECRET = "read-secret"  # noqa: S105


class Reach(IntEnum):
    """When the code runs: beside the package (tests), when someone calls it, on import, on installation."""

    ASIDE = 0
    CALLED = 1
    IMPORT = 2
    INSTALL = 3

    @property
    def words(self) -> str:
        return ("in tests or examples", "when called", "on import", "on installation")[self]


@dataclass(frozen=True, slots=True)
class Event:
    """A value reaching a sink. `tags` are the payload's, `text` what is known of the command, address or path."""

    sink: Sink
    name: str
    tags: frozenset[Tag]
    text: str
    file: str
    line: int
    reach: Reach
    scope: str = ""
    hidden: int = 0
    detail: frozenset[str] = field(default_factory=frozenset)


@dataclass(slots=True)
class Reading:
    """What came of reading a package's sources in one language: events, files that are not of it although they say so,
    what was not followed though it runs unasked (`gaps`), and what else was not."""

    events: list[Event] = field(default_factory=list)
    broken: list[tuple[str, int, str]] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Value:
    """An abstract value: its tags, its constant when it is known, an approximate text, what it names, its parts."""

    tags: frozenset[Tag] = NOTHING
    const: str | bytes | int | None = None
    hint: str = ""
    name: str = ""
    items: tuple[Value, ...] | None = None

    @property
    def text(self) -> str:
        """What is known of it as text, unknown parts as UNKNOWN; a list as a command line."""
        if isinstance(self.const, str):
            return self.const
        if isinstance(self.const, bytes):
            return self.const.decode("utf-8", "replace")
        if self.const is not None:
            return str(self.const)
        if self.hint:
            return self.hint
        if self.items is not None:
            return " ".join(item.text or UNKNOWN for item in self.items[:64])
        return ""

    def with_tags(self, *tags: Tag) -> Value:
        return Value(self.tags | frozenset(tags), self.const, self.hint, self.name, self.items)


EMPTY = Value()


def union(*values: Value) -> frozenset[Tag]:
    """All tags of the values and of what they hold."""
    return frozenset().union(*(value.tags for value in values))


def merged(one: Value, other: Value) -> Value:
    """A value that may be either: the tags of both, their texts as alternatives, the rest where they agree."""
    if one == other:
        return one
    const = one.const if one.const == other.const else None
    items = _either(one.items, other.items)
    hint = "" if items is not None and not (one.hint or other.hint) else alternatives(one.text, other.text)
    return Value(one.tags | other.tags, const, hint, other.name or one.name, items)


def _either(one: tuple[Value, ...] | None, other: tuple[Value, ...] | None) -> tuple[Value, ...] | None:
    if one and other and len(one) == len(other) and len(one) <= 16:
        return tuple(merged(a, b) for a, b in zip(one, other, strict=True))
    return other or one


def alternatives(*texts: str) -> str:
    """Several texts as one of which any may be meant: each once, a few, and none where all would be too long."""
    kept = dict.fromkeys(part for text in texts for part in text.split(ALTERNATIVE) if part)
    together = ALTERNATIVE.join(list(kept)[:ALTERNATIVES])
    return together if len(together) <= HINT_LIMIT // 4 else next(reversed(kept), "")[:HINT_LIMIT]


LITERAL_FROM = 24


def literal(const: str | bytes | int | None) -> Value:
    """A constant of the source; a long one is tagged, since hidden code is always one."""
    long = len(const) >= LITERAL_FROM if isinstance(const, str | bytes) else isinstance(const, int) and const >> 96 > 0
    return Value(frozenset({Tag.LITERAL}) if long else NOTHING, const)


def approximate(parts: Iterable[Value], glue: str = "") -> str:
    """A text of which some parts are known, the others UNKNOWN; of alternatives a few are put together."""
    texts = [part.text or UNKNOWN for part in parts]
    if not any(ALTERNATIVE in text for text in texts):
        return glue.join(texts)[:HINT_LIMIT]
    made = [""]
    for place, text in enumerate(texts):
        between = glue if place else ""
        made = [f"{start}{between}{end}" for end in text.split(ALTERNATIVE) for start in made][:ALTERNATIVES]
    return alternatives(*made)


def element_of(value: Value) -> Value:
    """Any one element of an iterable."""
    if value.items:
        result = value.items[0]
        if len(value.items) == 1:
            return result.with_tags(*value.tags)
        for item in value.items[1:32]:
            result = merged(result, item)
        return Value(result.tags | value.tags, result.const, result.hint, result.name, result.items)
    return Value(value.tags)
