"""What the abstract machine knows while it reads a package: modules, functions, scopes, and the events it saw."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from pumpkin.analysis.flow import ALTERNATIVE, EMPTY, Event, Reach, Sink, Tag, Value, merged

STEP_LIMIT = 600_000
DEPTH_LIMIT = 8
EVENT_LIMIT = 4000
VISIT_LIMIT = 6


@dataclass(slots=True)
class Module:
    """A parsed file: its dotted name, tree, names bound at its top, and whether they have been computed."""

    name: str
    file: str
    tree: ast.Module
    reach: Reach
    package: bool
    names: dict[str, Value] = field(default_factory=dict)
    state: str = "new"


@dataclass(frozen=True, slots=True)
class Function:
    """A function or lambda of the package, and where the names around it are found."""

    id: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    module: Module
    outer: Scope
    owner: str = ""


@dataclass(slots=True)
class Scope:
    """Names of one function call, class body or module, and of those around it."""

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

    def bind(self, name: str, value: Value) -> None:
        """Set the name; inside a branch or loop the earlier value stays possible."""
        before = self.names.get(name)
        self.names[name] = merged(before, value) if self.loose and before is not None else value


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
    owner: str = ""
    result: Value = EMPTY
    silent: int = 0
    endless: int = 0

    def emit(self, sink: Sink, name: str, value: Value, text: str, node: ast.AST, *detail: str) -> None:
        machine = self.machine
        if len(machine.events) >= EVENT_LIMIT:
            machine.cut = True
            return
        text = text[:4096].replace(ALTERNATIVE, "\n")
        line = getattr(node, "lineno", 0)
        quiet = (("silent",) if self.silent else ()) + (("endless",) if self.endless else ())
        machine.events[
            Event(
                sink, name, value.tags, text, self.module.file, line, self.reach, self.label, self.hidden,
                frozenset((*detail, *quiet)),
            )
        ] = None  # fmt: skip


@dataclass(slots=True)
class Machine:
    """One package under analysis. `cut` says that a budget ran out: the rest was not followed."""

    modules: dict[str, Module] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, dict[str, Value]] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, Value] = field(default_factory=dict)
    properties: set[str] = field(default_factory=set)
    tables: dict[str, dict[object, Value]] = field(default_factory=dict)
    events: dict[Event, None] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    visits: dict[tuple[str, Reach], int] = field(default_factory=dict)
    memo: dict[object, Value] = field(default_factory=dict)
    steps: int = 0
    cut: bool = False
    invoke: Callable[[Frame, Function, list[Value], dict[str, Value]], Value] = lambda *_: EMPTY
    load: Callable[[Frame, str], Module | None] = lambda *_: None
    nested: Callable[[Frame, str, ast.AST], None] = lambda *_: None

    def spend(self) -> bool:
        """One step of the budget; False when it is gone."""
        self.steps += 1
        if self.steps > STEP_LIMIT:
            self.cut = True
            return False
        return True

    def method(self, owner: str, name: str, seen: int = 0) -> Value | None:
        """A class's attribute, its own or of a base known here."""
        if name in self.classes.get(owner, {}):
            return self.classes[owner][name]
        if seen < 5:
            for base in self.bases.get(owner, ()):
                if (found := self.method(base, name, seen + 1)) is not None:
                    return found
        return None


def tagged(*tags: Tag) -> Value:
    return Value(frozenset(tags))
