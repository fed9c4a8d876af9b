"""All JavaScript of a package read as one program: install scripts first, then what is imported, then the rest."""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import tree_sitter
import tree_sitter_javascript
from tree_sitter import Node

from pumpkin.analysis.flow import EMPTY, NOTHING, Event, Reach, Reading, Sink, Tag, Value
from pumpkin.analysis.javascript.functions import execute, invoke
from pumpkin.analysis.javascript.knowledge import WORTH_READING
from pumpkin.analysis.javascript.rotation import decoders
from pumpkin.analysis.javascript.state import Frame, Function, Machine, Module, Scope
from pumpkin.analysis.metadata import package_json

SOURCE_LIMIT = 12 * 1024 * 1024
SMALL = 256 * 1024
"""A package of no more bytes of JavaScript is read whole."""

NESTED_LIMIT = 4
SUFFIXES = (".js", ".cjs", ".mjs", ".jsx", ".ts", ".cts", ".mts")
INSTALL_SCRIPTS = ("preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare")
_TYPES = (".d.ts", ".d.cts", ".d.mts")
_ASIDE = re.compile(
    r"(?:^|/)(?:tests?|__tests__|spec|docs?|examples?|demos?|benchmarks?|fixtures|samples?)/|[.-](?:test|spec)\.\w+$"
)
_LANGUAGE = tree_sitter.Language(tree_sitter_javascript.language())
_SCRIPT_FILE = re.compile(r"[\w@./\\-]+\.(?:c?js|mjs)\b|(?<=node )\s*[\w@./-]+")
_NO_CODE = (
    ".json",
    ".node",
    ".wasm",
    ".css",
    ".d.ts",
    ".vue",
    ".svelte",
    ".less",
    ".scss",
    ".html",
    ".svg",
    ".graphql",
)
_RECURSION = 6000


class _Program:
    """The package being read: its files by path, those parsed, the machine that runs them."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self.sources = sources
        self.reading = Reading()
        self.parser = tree_sitter.Parser(_LANGUAGE)
        self.machine = Machine(load=self.load, nested=self.nested, data=self.data, hear=_hear, hooked=_hook)
        self.papers = {p: package_json(d) for p, d in sources.items() if is_paper(p)}
        self.offered = set(self._offered())
        self.installed = set(self._installed())

    def _offered(self) -> Iterator[str]:
        """Files that are programs of the package: they run when somebody starts them."""
        for path, paper in self.papers.items():
            offered = paper.get("bin")
            named = offered.values() if isinstance(offered, dict) else [offered]
            for name in named:
                found = self.resolve(path, f"./{str(name).removeprefix('./')}") if name else None
                if found is not None:
                    yield found

    def _installed(self) -> Iterator[str]:
        """Files that install scripts name; their commands become events on the way."""
        for path, paper in self.papers.items():
            for name, command, line in scripts(paper, self.sources[path]):
                reach = Reach.INSTALL if name in INSTALL_SCRIPTS[:3] else Reach.CALLED
                self.machine.events[Event(Sink.SPAWN, name, NOTHING, command, path, line, reach)] = None
                if reach is Reach.CALLED:
                    continue
                for word in _SCRIPT_FILE.findall(command):
                    found = self.resolve(path, word.strip() if word.startswith(".") else f"./{word.strip()}")
                    if found is not None:
                        yield found
        for path, data in self.sources.items():
            if path.rsplit("/", 1)[-1] == ".pnpmfile.cjs" and path.count("/") <= 1:
                yield path
            if path.rsplit("/", 1)[-1] == "binding.gyp" and path.count("/") <= 1:
                lists = re.findall(rb"[\"']action[\"']\s*:\s*\[([^\]]{3,800})\]", data[:200_000])
                actions = [b" ".join(re.findall(rb"[\"']([^\"']*)[\"']", one)) for one in lists]
                for command in [*re.findall(rb"<!@?\(([^)]{3,400})\)", data[:200_000]), *actions]:
                    text = command.decode("utf-8", "replace")
                    self.machine.events[Event(Sink.SPAWN, "gyp", NOTHING, text, path, 0, Reach.INSTALL)] = None
                    for word in _SCRIPT_FILE.findall(text):
                        found = self.resolve(path, f"./{word.strip().removeprefix('./')}")
                        if found is not None:
                            yield found

    def resolve(self, base: str, target: str) -> str | None:
        """The package's file that `target` names, seen from the file `base`."""
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(base), target.replace("\\", "/").lstrip("/")))
        for suffix in ("", *SUFFIXES, ".json", "/index.js", "/index.cjs", "/index.mjs"):
            if joined + suffix in self.sources:
                return joined + suffix
        return None

    def bundled(self, name: str) -> str | None:
        """The entry of a module that the package carries in its node_modules."""
        for base in ("node_modules", "package/node_modules"):
            home = f"{base}/{name}"
            paper = package_json(self.sources.get(f"{home}/package.json", b"{}"))
            found = self.resolve(f"{home}/package.json", f"./{str(paper.get('main') or 'index.js').removeprefix('./')}")
            if found is not None:
                return found
        return None

    def reach_of(self, path: str) -> Reach:
        if path in self.installed:
            return Reach.INSTALL
        if _ASIDE.search(f"/{path}"):
            return Reach.ASIDE
        if path in self.offered or re.search(r"(?:^|/)(?:bin|cli|scripts|tools)/", path) or "node_modules/" in path:
            return Reach.CALLED
        return Reach.IMPORT

    def add(self, path: str) -> Module | None:
        if path in self.machine.modules:
            return self.machine.modules[path]
        data = self.sources[path]
        if len(data) > SOURCE_LIMIT:
            self.reading.gaps.append(f"{path}: larger than {SOURCE_LIMIT} bytes, data flow not followed")
            return None
        tree = self.parser.parse(data.removeprefix(b"\xef\xbb\xbf"))
        root = tree.root_node
        if root.type == "ERROR" and self.reach_of(path) is not Reach.ASIDE:
            self.reading.broken.append((path, 0, "not JavaScript"))
        exports = Value(name=f"{path}:exports")
        self.machine.objects[exports.name] = {}
        self.machine.modules[path] = Module(path, root, self.reach_of(path), exports, decoders=decoders(root, data))
        return self.machine.modules[path]

    def data(self, frame: Frame, target: str) -> bytes | None:
        """The bytes of a file of the package, of at most 256 KiB; None for anything else."""
        path = self.resolve(frame.module.file, target)
        found = self.sources[path] if path is not None else b""
        return found if 0 < len(found) <= SMALL else None

    def load(self, frame: Frame, target: str) -> Module | None:
        """The module `target` of the package, run if it has not been; None for anything else."""
        path = self.resolve(frame.module.file, target) if target[:1] in "./" else self.bundled(target)
        if path is None or path.endswith(_NO_CODE) or not self.machine.spend():
            return None
        if not path.endswith(SUFFIXES) and "." in path.rsplit("/", 1)[-1] and frame.reach >= Reach.IMPORT:
            where = frame.line or 0
            event = Event(Sink.EXEC, "require", frozenset({Tag.DATA}), path, frame.module.file, where, frame.reach)
            self.machine.events[event] = None
        module = self.add(path)
        if module is not None and module.state == "new":
            self.run(module, max(module.reach, frame.reach) if frame.reach > Reach.CALLED else module.reach)
        return module

    def run(self, module: Module, reach: Reach | None = None) -> None:
        if module.state != "new":
            return
        module.state = "running"
        scope = Scope({"exports": module.exports})
        frame = Frame(self.machine, module, scope, module.reach if reach is None else reach)
        self.guarded(partial(execute, frame, module.root.named_children))
        module.state = "done"

    def nested(self, frame: Frame, text: str, node: Node) -> None:
        """Code handed to eval as a constant: read in the scope it would run in, one layer more hidden."""
        if frame.hidden >= NESTED_LIMIT or len(text) < 8:
            return
        tree = self.parser.parse(text.encode("utf-8", "replace"))
        if tree.root_node.type == "ERROR":
            return
        line = frame.line or node.start_point.row + 1
        below = Frame(frame.machine, frame.module, frame.scope, frame.reach, frame.label, frame.depth,
                      frame.hidden + 1, frame.this, line=line)  # fmt: skip
        execute(below, tree.root_node.named_children)

    def guarded(self, step: Callable[[], object]) -> None:
        """Deep expressions end in RecursionError: what they hold was not followed, and that is said."""
        try:
            step()
        except RecursionError:
            self.machine.cut = True

    def call_the_rest(self) -> None:
        """Functions nobody called are called by whoever uses the package."""
        seen: set[str] = set()
        while fresh := sorted(self.machine.functions.keys() - seen):
            seen.update(fresh)
            for identity in fresh:
                function = self.machine.functions[identity]
                if any((identity, reach) in self.machine.visits for reach in Reach):
                    continue
                asked = function.module.reach if identity in self.machine.called else Reach.CALLED
                reach = min(function.module.reach, asked)
                frame = Frame(self.machine, function.module, function.outer, reach, identity)
                self.guarded(partial(invoke, frame, function, [], EMPTY))


def _hear(frame: Frame, listener: Value) -> None:
    """A function set as a listener is called with what the network says."""
    own = frame.machine.functions.get(listener.name)
    if own is not None:
        invoke(frame, own, [Value(frozenset({Tag.NET}))], EMPTY)


def _hook(frame: Frame, own: Function) -> None:
    """A function put in the place of somebody else's is called with what others hand that."""
    invoke(frame, own, [Value(frozenset({Tag.HANDED}))] * 3, EMPTY)


def _is_program(path: str, data: bytes) -> bool:
    return "." not in path.rsplit("/", 1)[-1] and data.startswith(b"#!") and b"node" in data[:60]


def is_paper(path: str) -> bool:
    """Is it the package's own package.json, not one of a package inside?"""
    return path.rsplit("/", 1)[-1] == "package.json" and path.count("/") <= 1 and "node_modules" not in path


def scripts(paper: Mapping[str, object], data: bytes) -> Iterator[tuple[str, str, int]]:
    """Name, command and line of each script that installation runs."""
    listed = paper.get("scripts")
    for name, command in listed.items() if isinstance(listed, dict) else ():
        if name in INSTALL_SCRIPTS and isinstance(command, str):
            place = data.find(f'"{name}"'.encode())
            yield name, command[:4000], data.count(b"\n", 0, max(place, 0)) + 1


def read(sources: Mapping[str, bytes]) -> Reading:
    """The events of all JavaScript among the sources, by path inside the package."""
    program = _Program(sources)
    programs = {
        p: d for p, d in sources.items() if (p.endswith(SUFFIXES) and not p.endswith(_TYPES)) or _is_program(p, d)
    }
    small = sum(map(len, programs.values())) <= SMALL
    chosen = [p for p, d in programs.items() if small or WORTH_READING.search(d)]
    chosen += [p for p in _entries(program) if p not in chosen]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION))
    try:
        for path in sorted(chosen, key=lambda p: (-program.reach_of(p), len(sources[p]), p)):
            module = program.add(path)
            if module is not None:
                program.run(module)
        if program.machine.cut:
            text = "JavaScript data flow: what runs unasked is larger than the budget, part was not followed"
            program.reading.gaps.append(text)
        program.machine.steps, program.machine.cut = 0, False
        program.call_the_rest()
    finally:
        sys.setrecursionlimit(limit)
    program.reading.events = list(program.machine.events)
    if program.machine.cut:
        program.reading.skipped.append("JavaScript data flow: part of what runs only when called was not followed")
    return program.reading


def _entries(program: _Program) -> Iterator[str]:
    """What installation and import begin with: install scripts' files and `main`."""
    yield from sorted(program.installed)
    for path, paper in program.papers.items():
        main = program.resolve(path, f"./{str(paper.get('main') or 'index.js').removeprefix('./')}")
        if main is not None and main.endswith(SUFFIXES) and main not in program.installed:
            yield main
