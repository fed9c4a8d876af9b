"""What the abstract machine knows while it reads JavaScript: modules, functions, objects, scopes, and events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tree_sitter import Node

from pumpkin.analysis.flow import ALTERNATIVE, EMPTY, Event, Reach, Sink, Tag, Value, merged
from pumpkin.analysis.javascript.rotation import Decoder

STEP_LIMIT = 500_000
DEPTH_LIMIT = 8
EVENT_LIMIT = 3000
VISIT_LIMIT = 12
BUNDLE_FROM = 64 * 1024
"""Bytes from which on a file is taken for a bundle, in which numbers and texts of many authors meet."""


@dataclass(slots=True)
class Module:
    """A file: its path, tree, what it exports by name (`default` for all), whether it has been run, and the functions
    that fetch its texts from a turned array, by the byte at which they begin."""

    file: str
    root: Node
    reach: Reach
    exports: Value = EMPTY
    state: str = "new"
    decoders: dict[int, Decoder] = field(default_factory=dict)


@dataclass(slots=True)
class Scope:
    """Names of one function, block or module, and of those around it."""

    names: dict[str, Value]
    outer: Scope | None = None
    loose: int = 0

    def find(self, name: str) -> Value | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def declare(self, name: str, value: Value) -> None:
        self.names[name] = value

    def assign(self, name: str, value: Value) -> None:
        """Set the name where it was declared; from a branch, a loop or a closure the earlier value stays possible."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                sure = scope is self and not scope.loose
                scope.names[name] = value if sure else merged(scope.names[name], value)
                return
            scope = scope.outer
        self.root().names[name] = value

    def root(self) -> Scope:
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the package, and where the names around it are found; `owner` the object `this` is."""

    id: str
    node: Node
    module: Module
    outer: Scope
    owner: str = ""


@dataclass(slots=True)
class Frame:
    """Where the machine stands: module, scope, when this code runs, how deep the calls are, what it returned."""

    machine: Machine
    module: Module
    scope: Scope
    reach: Reach
    label: str = ""
    depth: int = 0
    hidden: int = 0
    this: Value = EMPTY
    result: Value = EMPTY
    line: int = 0
    silent: int = 0

    def emit(self, sink: Sink, name: str, tags: frozenset[Tag], text: str, node: Node, *detail: str) -> None:
        machine = self.machine
        if len(machine.events) >= EVENT_LIMIT:
            machine.cut = True
            return
        text = text[:4096].replace(ALTERNATIVE, "\n")
        line = self.line or node.start_point.row + 1
        quiet = ("silent",) if self.silent else ()
        bundle = ("bundle",) if self.module.root.end_byte > BUNDLE_FROM else ()
        machine.events[
            Event(sink, name, tags, text, self.module.file, line, self.reach, self.label, self.hidden,
                  frozenset((*detail, *bundle, *quiet)))
        ] = None  # fmt: skip


@dataclass(slots=True)
class Machine:
    """One package under analysis. `cut` says that a budget ran out: the rest was not followed."""

    modules: dict[str, Module] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    decoders: dict[str, Decoder] = field(default_factory=dict)
    objects: dict[str, dict[str, Value]] = field(default_factory=dict)
    thrown: Value = EMPTY
    heard: int = 0
    listeners: dict[str, list[str]] = field(default_factory=dict)
    promises: dict[str, Value] = field(default_factory=dict)
    events: dict[Event, None] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    checked: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    visits: dict[tuple[str, Reach], int] = field(default_factory=dict)
    memo: dict[object, Value] = field(default_factory=dict)
    steps: int = 0
    cut: bool = False
    data: Callable[[Frame, str], bytes | None] = lambda *_: None
    load: Callable[[Frame, str], Module | None] = lambda *_: None
    hear: Callable[[Frame, Value], None] = lambda *_: None
    required: set[str] = field(default_factory=set)
    hooked: Callable[[Frame, Function], None] = lambda *_: None
    nested: Callable[[Frame, str, Node], None] = lambda *_: None

    def spend(self) -> bool:
        """One step of the budget; False when it is gone."""
        self.steps += 1
        if self.steps > STEP_LIMIT:
            self.cut = True
            return False
        return True

    def deep(self, value: Value, depth: int = 3) -> frozenset[Tag]:
        """The tags of a value, of what it holds, and of the properties its object was given since."""
        tags = value.tags
        if depth:
            for item in (value.items or ())[:256]:
                tags |= self.deep(item, depth - 1)
            for held in list(self.objects.get(value.name, {}).values())[:256] if value.name else ():
                tags |= self.deep(held, depth - 1)
        return tags

    def words(self, value: Value, depth: int = 2) -> str:
        """What is known of a value as text, an object's properties one after the other."""
        if value.name in self.objects and depth:
            return " ".join(filter(None, (self.words(v, depth - 1) for v in self.objects[value.name].values())))[:4096]
        return value.text
