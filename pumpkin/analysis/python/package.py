"""All Python of a package read as one program: modules found, run abstractly in the order Python would."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pumpkin.analysis.flow import Reach, Reading, Tag, Value
from pumpkin.analysis.python.interpreter import execute, invoke
from pumpkin.analysis.python.knowledge import WORTH_READING
from pumpkin.analysis.python.objects import run_object
from pumpkin.analysis.python.state import Frame, Machine, Module, Scope

SOURCE_LIMIT = 2 * 1024 * 1024
SMALL = 256 * 1024
"""A package of no more bytes of Python is read whole."""

NESTED_LIMIT = 4
_ASIDE = re.compile(
    r"(?:^|/)(?:(?:tests?|testing|docs?|examples?|benchmarks?|samples?)(?:/|\.py$)|conftest\.py$|test_[^/]*$|[^/]*_test\.py$)",
)
_IMPORTS = re.compile(
    rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import|import)[ \t]+(\([^)]{0,2000}\)|[^\n#]{1,500})", re.MULTILINE
)
_TOP_CALLS = re.compile(rb"^(?: {4}|\t)?(?:@|\w+\s*=\s*)?([A-Za-z_][\w.]*)\s*\(", re.MULTILINE)
_OPEN = re.compile(rb"[(\[{]{200}")
_SIGNS = re.compile(rb"(?:-\s*|~\s*|not\s+){2000}")
_CALLS = re.compile(rb"(?:\(\s*[\w.]{0,20}){400}")


def read(sources: Mapping[str, bytes]) -> Reading:
    """The events of all `*.py` (and `.pth` lines) among the sources, by path inside the package."""
    reading = Reading()
    machine = Machine(invoke=invoke, load=_load, nested=_nested)
    programs = {path: data for path, data in sources.items() if _is_python(path, data)}
    chosen = worth_reading(programs)
    for path in sorted(chosen):
        _add(machine, reading, path, programs[path])
    for path in sorted(sources):
        if path.endswith(".pth"):
            _add(machine, reading, path, _started(sources[path]))
    for module in sorted(machine.modules.values(), key=lambda m: (-m.reach, m.name)):
        _run(machine, module)
    _hooks(machine, sources)
    if machine.cut:
        reading.gaps.append("Python data flow: what runs unasked is larger than the budget, part was not followed")
    machine.steps, machine.cut = 0, False
    _call_the_rest(machine)
    reading.events = list(machine.events)
    if machine.cut:
        reading.skipped.append("Python data flow: part of what runs only when called was not followed")
    return reading


def _is_python(path: str, data: bytes) -> bool:
    if path.endswith((".py", ".pyw")):
        return True
    return "." not in path.rsplit("/", 1)[-1] and data.startswith(b"#!") and b"python" in data[:60]


def worth_reading(programs: Mapping[str, bytes]) -> set[str]:
    """Those that could act, and those whose top level calls what they import from one that could."""
    if sum(map(len, programs.values())) <= SMALL:
        return set(programs)
    chosen = {path for path, data in programs.items() if WORTH_READING.search(data)}
    rest = {path: _called_imports(data) for path, data in programs.items() if path not in chosen}
    fresh = chosen
    while fresh:
        words = {_stem(path) for path in fresh}
        fresh = {path for path, called in rest.items() if called & words and path not in chosen}
        chosen |= fresh
    return chosen


def _stem(path: str) -> bytes:
    """The word by which others import the file: its own name, or its folder's for a package."""
    parts = path.removesuffix(".py").split("/")
    return (parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]).encode("utf-8", "replace")


def _called_imports(data: bytes) -> set[bytes]:
    """Words of import lines whose imported names are called at the top level or one step in."""
    called = {name.partition(b".")[0] for name in _TOP_CALLS.findall(data)}
    if not called:
        return set()
    found: set[bytes] = set()
    for source, names in _IMPORTS.findall(data):
        bound = [name.split()[-1] for name in names.strip(b"() ").split(b",") if name.split()]
        if called.intersection(bound or [source.rpartition(b".")[2]]):
            found |= {source.rpartition(b".")[2], *re.findall(rb"\w+", names)}
    return found


def _started(data: bytes) -> bytes:
    """The lines of a .pth file that Python executes at each start."""
    return b"\n".join(line for line in data.splitlines() if line.startswith((b"import ", b"import\t")))


def _add(machine: Machine, reading: Reading, path: str, data: bytes) -> None:
    if len(data) > SOURCE_LIMIT:
        reading.gaps.append(f"{path}: larger than {SOURCE_LIMIT} bytes, data flow not followed")
        return
    tree = parse(data)
    if not isinstance(tree, ast.Module) and len(data) < SMALL:
        older = parse(modern(data))
        tree = older if isinstance(older, ast.Module) else tree
    if isinstance(tree, ast.Module):
        name, package = module_name(path)
        if name in machine.modules:
            name = f"{name}@{len(machine.modules)}"
        machine.modules[name] = Module(name, path, tree, reach_of(path), package)
    elif not _is_template(path, data):
        reading.broken.append((path, tree[0], tree[1]))


def _is_template(path: str, data: bytes) -> bool:
    """Python 2, templates and test data: broken on purpose, or old."""
    return (
        bool(_ASIDE.search(path))
        or b"{{" in data
        or b"{%" in data
        or re.search(rb"^\s*print\s+[\"'\w]", data, re.M) is not None
    )


def parse(data: bytes | str) -> ast.Module | tuple[int, str]:
    """The tree, or line and reason when it is no Python or would hurt the parser."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    if _is_nested(raw):
        return 0, "nested out of all measure"
    limit = sys.getrecursionlimit()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except SyntaxError as error:
        return error.lineno or 0, error.msg
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return 0, type(error).__name__
    finally:
        sys.setrecursionlimit(limit)


def _is_nested(raw: bytes) -> bool:
    """Would it hurt the parser? Each pattern is asked only where it could match: together they cost four times that."""
    signs = raw.count(b"-") + raw.count(b"~") + raw.count(b"not")
    return bool(
        _OPEN.search(raw) or (signs >= 2000 and _SIGNS.search(raw)) or (raw.count(b"(") >= 400 and _CALLS.search(raw))
    )


def modern(data: bytes) -> bytes:
    """Python 2's statements as today's, as far as patterns go: print, exec, raise and except."""
    data = re.sub(rb"(?m)^(\s*)(print|exec)[ \t]+(?![=(.\[,])(?:>>\s*[\w.]+,)?([^\n#;]+)", rb"\1\2(\3)", data)
    data = re.sub(rb"(?m)^(\s*except\s+[\w.()\s,]+?),\s*(\w+)\s*:", rb"\1 as \2:", data)
    data = re.sub(rb"(?m)^(\s*raise\s+[\w.]+)\s*,\s*([^\n]+)", rb"\1(\2)", data)
    return re.sub(rb"\b0([0-7]{2,})\b", rb"0o\1", data)


def module_name(path: str) -> tuple[str, bool]:
    """Dotted name by path, and whether it is a package's `__init__`."""
    parts = re.sub(r"\.(?:pyw?|pth)$", "", path).split("/")
    if parts and re.search(r"-\d", parts[0]):
        parts = parts[1:]
    if len(parts) > 1 and parts[0] in ("src", "lib", "python"):
        parts = parts[1:]
    package = bool(parts) and parts[-1] == "__init__"
    return ".".join(parts[:-1] if package else parts) or "__init__", package


def reach_of(path: str) -> Reach:
    """When a file's top level runs: on installation (setup.py), at start (.pth), on import, or beside the package."""
    name = path.rsplit("/", 1)[-1]
    depth = path.count("/")
    if (name == "setup.py" and depth <= 1) or name.endswith(".pth") or name in ("sitecustomize.py", "usercustomize.py"):
        return Reach.INSTALL
    if _ASIDE.search(path.partition("/")[2] if re.search(r"-\d", path.partition("/")[0]) else path):
        return Reach.ASIDE
    if name == "__main__.py" or path.endswith(".pyw") or "/scripts/" in f"/{path}" or ".data/scripts/" in path:
        return Reach.CALLED
    return Reach.IMPORT


def _run(machine: Machine, module: Module, reach: Reach | None = None) -> None:
    if module.state != "new":
        return
    module.state = "running"
    module.names |= {}
    scope = Scope(module.names)
    frame = Frame(machine, module, scope, module.reach if reach is None else reach)
    _guarded(machine, partial(execute, frame, module.tree.body))
    module.state = "done"


def _guarded(machine: Machine, step: Callable[[], object]) -> None:
    """Deep expressions end in RecursionError: what they hold was not followed, and that is said."""
    try:
        step()
    except RecursionError:
        machine.cut = True


def _load(frame: Frame, name: str) -> Module | None:
    """The package's own module of this name, run if it has not been; None for anything from outside."""
    module = frame.machine.modules.get(name)
    if module is None or module.state == "running":
        return module
    if module.state == "new":
        _run(frame.machine, module, max(module.reach, frame.reach) if frame.reach is not Reach.CALLED else module.reach)
    return module


def _nested(frame: Frame, text: str, node: ast.AST) -> None:
    """Code handed to exec as a constant: read in the scope it would run in, one layer more hidden."""
    if frame.hidden >= NESTED_LIMIT or len(text) < 8:
        return
    tree = parse(text)
    if not isinstance(tree, ast.Module):
        return
    line = getattr(node, "lineno", 0)
    for inner in ast.walk(tree):
        if hasattr(inner, "lineno"):
            inner.lineno = line
    below = Frame(frame.machine, frame.module, frame.scope, frame.reach, frame.label, frame.depth, frame.hidden + 1,
                  frame.owner)  # fmt: skip
    execute(below, tree.body)


def _call_the_rest(machine: Machine) -> None:
    """Functions nobody called are called by whoever uses the package."""
    seen: set[str] = set()
    while fresh := sorted(machine.functions.keys() - seen):
        seen.update(fresh)
        for identity in fresh:
            function = machine.functions[identity]
            if any((identity, reach) in machine.visits for reach in Reach):
                continue
            reach = min(function.module.reach, Reach.CALLED)
            frame = Frame(machine, function.module, function.outer, reach, identity.partition(":")[2])
            _guarded(machine, partial(invoke, frame, function, [], {}))


def _hooks(machine: Machine, sources: Mapping[str, bytes]) -> None:
    """Code that a build of the package calls: a backend it brings along (PEP 517), hooks of hatch, poetry, pdm and
    setuptools. All its functions and the methods of its classes run on installation."""
    named = set()
    _plugins(machine, sources)
    for path, data in sources.items():
        if path.rsplit("/", 1)[-1] in ("pyproject.toml", "setup.cfg") and path.count("/") <= 1:
            named |= _builders(data.decode("utf-8", "replace"), toml=path.endswith(".toml"))
    for module in list(machine.modules.values()):
        if module.name.rsplit(".", 1)[-1] not in named or module.reach is Reach.ASIDE:
            continue
        module.reach = Reach.INSTALL
        frame = Frame(machine, module, Scope(module.names), Reach.INSTALL, module.name)
        for value in list(module.names.values()):
            own = machine.functions.get(value.name)
            if own is not None and own.module is module:
                _guarded(machine, partial(invoke, frame, own, [], {}))
            if value.name in machine.classes:
                _guarded(machine, partial(run_object, frame, [value]))


def _plugins(machine: Machine, sources: Mapping[str, bytes]) -> None:
    """What the package enters into other programs (entry points that are no commands): those load and call it
    unasked, with what is theirs."""
    wanted: set[str] = set()
    for path, data in sources.items():
        text = data[:200_000].decode("utf-8", "replace")
        if path.endswith(".dist-info/entry_points.txt") or (path == "setup.cfg" and "entry_points" in text):
            for group, body in re.findall(r"(?m)^\[?([\w.]+)\]?\s*=?\s*$((?:\n(?!\[)[^\n]*)*)", text):
                if not group.endswith("_scripts") and not group.startswith(("distutils", "setuptools", "egg_info")):
                    wanted |= set(re.findall(r"=\s*([\w.]+:[\w.]+)", body))
        elif path.rsplit("/", 1)[-1] == "pyproject.toml" and path.count("/") <= 1 and "entry-points" in text:
            try:
                groups = _table(_table(tomllib.loads(text), "project"), "entry-points")
            except (tomllib.TOMLDecodeError, RecursionError):
                continue
            asked = {name: table for name, table in groups.items() if not name.startswith(("distutils", "setuptools"))}
            wanted |= {str(one) for table in asked.values() if isinstance(table, dict) for one in table.values()}
    for place in sorted(wanted)[:40]:
        name, _, attr = place.partition(":")
        module = machine.modules.get(name)
        found = module.names.get(attr.strip()) if module is not None else None
        if module is None or found is None:
            continue
        frame = Frame(machine, module, Scope(module.names), Reach.IMPORT, attr)
        theirs = [Value(frozenset({Tag.HANDED}))] * 3
        own = machine.functions.get(found.name)
        if own is not None:
            _guarded(machine, partial(invoke, frame, own, theirs[: len(own.node.args.args)], {}))
        if found.name in machine.classes:
            _guarded(machine, partial(run_object, frame, [found], theirs))


def _builders(text: str, *, toml: bool) -> set[str]:
    """The last parts of the names of modules that build the package."""
    if not toml:
        return (
            {name.rsplit(".", 2)[-2] for name in re.findall(r"(?m)^\s*\w+\s*=\s*([\w.]+\.\w+)\s*$", text)}
            if "cmdclass" in text
            else set()
        )
    try:
        paper = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return set()
    system, tool = _table(paper, "build-system"), _table(paper, "tool")
    found = (
        {str(system.get("build-backend", "")).partition(":")[0].rsplit(".", 1)[-1]}
        if system.get("backend-path")
        else set()
    )
    hatch = str(_table(tool, "hatch"))
    if "'custom'" in hatch:
        found |= {"hatch_build", *re.findall(r"'path': '(?:[^']*/)?(\w+)\.py'", hatch)}
    found |= set(re.findall(r"(\w+)\.py\b", str(_table(tool, "poetry").get("build", ""))))
    pdm = str(_table(tool, "pdm").get("build", ""))
    found |= set(re.findall(r"(\w+)\.py\b", pdm)) | ({"pdm_build"} if "pdm" in str(system) else set())
    commands = _table(_table(tool, "setuptools"), "cmdclass")
    return found | {str(name).rsplit(".", 2)[-2] for name in commands.values() if "." in str(name)}


def _table(paper: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = paper.get(key)
    return found if isinstance(found, dict) else {}
