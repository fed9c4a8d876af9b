"""What a call does: run code of the package, decode, read, or act on the world (which becomes an event)."""

from __future__ import annotations

import ast
import re

from pumpkin.analysis.flow import EMPTY, UNKNOWN, Sink, Tag, Value, approximate, literal, union
from pumpkin.analysis.places import (
    attack,
    environment,
    handed,
)
from pumpkin.analysis.python import objects
from pumpkin.analysis.python.acts import act, command, meant, opened, texts, written
from pumpkin.analysis.python.clients import sink_of
from pumpkin.analysis.python.knowledge import SOURCES
from pumpkin.analysis.python.results import result
from pumpkin.analysis.python.state import Frame, Function
from pumpkin.model.findings import Level

_COUNTED = 128
"""A range of no more numbers is known one by one."""

_WRITTEN = frozenset({"builtins.open()", "tempfile.NamedTemporaryFile()"})
_OPENERS = frozenset({"builtins.open", "os.open", "pathlib.Path().open"})
_IMPORTERS = frozenset({"builtins.__import__", "importlib.import_module", "imp.load_source"})
_PACKED = re.compile(r"\.(?:zip|dat|bin|png|jpe?g|db|txt|pak)$", re.IGNORECASE)
_ARMED = frozenset({"os", "subprocess", "builtins", "socket", "shutil", "pty", "ctypes"})
_BEHIND = re.compile(
    r"^atexit\.register$|^weakref\.finalize$|Thread|Timer|submit$|Process$|start_new_thread|run_in_executor|to_thread|call_(?:soon|later)"
)


def call(
    frame: Frame,
    node: ast.Call,
    callee: Value,
    receiver: Value,
    attr: str,
    arguments: list[Value],
    keywords: dict[str, Value],
) -> Value:
    """The value a call gives, its events told."""
    special = _special(frame, node, callee, receiver, attr, arguments, keywords)
    if special is not None:
        return special
    values = [*arguments, *keywords.values()]
    if (own := frame.machine.functions.get(callee.name)) is not None:
        static = _static(own)
        given = (
            [receiver, *arguments] if own.owner and attr and receiver.name != own.owner and not static else arguments
        )
        if own.owner and attr and not static and not receiver.name.endswith("()"):
            given = [Value(name=f"{own.owner}()"), *arguments] if receiver.name == own.owner else given
        return frame.machine.invoke(frame, own, given, keywords)
    if callee.name in frame.machine.classes:
        return objects.construct(frame, callee, arguments, keywords)
    if attr == "start" and (ours := receiver.name.removesuffix("()")) in frame.machine.classes:
        frame.silent += 1
        objects.method(frame, ours, "run", [])
        frame.silent -= 1
    if callee.name.endswith("()") and callee.name[:-2] in frame.machine.classes:
        made = objects.method(frame, callee.name, "__call__", arguments, keywords)
        if made is not None:
            return made
    if attr and receiver.name.endswith("()") and receiver.name[:-2] in frame.machine.classes:
        objects.driven(frame, receiver, attr)
    _later(frame, node, callee.name, attr, arguments, keywords)
    given = [*arguments, *(value for key, value in keywords.items() if key != "env")]
    tags = union(callee, receiver, *given, *(item for value in values for item in (value.items or ())[:256]))
    if frame.machine.dropped and any(v.text in frame.machine.dropped for v in values if v.text):
        tags |= {Tag.NET, Tag.DROPPED}
    if attr in ("extractall", "extract", "unpack_archive") and tags & {Tag.NET, Tag.DECODE, Tag.LITERAL}:
        frame.machine.dropped |= {v.text for v in values if meant(v.text)}
    if callee.name.endswith("[computed]") or (not callee.name and not attr):
        _unnamed(frame, node, callee.name, arguments, keywords)
    objects.install(frame, node, callee.name, attr, values)
    act(frame, node, callee.name, attr, receiver, arguments, keywords, tags)
    return result(callee, receiver, attr, arguments, tags, keywords)


def _static(own: Function) -> bool:
    """Is it a method that gets no object?"""
    marks = own.node.decorator_list if not isinstance(own.node, ast.Lambda) else []
    return any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in marks)


def _later(
    frame: Frame, node: ast.Call, name: str, attr: str, arguments: list[Value], keywords: dict[str, Value]
) -> None:
    """Functions given to others: those of the package are run with what is given for them; `Thread(target=send,
    args=(x,))` does what `send(x)` does, whoever wrote it."""
    behind = _BEHIND.search(name or attr) is not None
    places = [arguments[place] for place in range(len(arguments)) if _callable(frame, arguments[place])][:1]
    target = keywords.get("target") or keywords.get("function") or (places[0] if places else EMPTY)
    given: list[Value] = []
    named: dict[str, Value] = {}
    if behind and target.name:
        after = arguments[arguments.index(target) + 1 :] if target in arguments else []
        listed = keywords.get("args") or (after[0] if len(after) == 1 and after[0].items is not None else None)
        given = list(listed.items or (Value(listed.tags),)) if listed is not None else after
        named = {
            str(key): value for key, value in frame.machine.tables.get(keywords.get("kwargs", EMPTY).name, {}).items()
        }
    frame.silent += behind
    if behind and sink_of(target.name) is not None:
        call(frame, node, target, EMPTY, target.name.rpartition(".")[2], given, named)
    objects.hand_over(frame, name or attr, [*arguments, *keywords.values()], given, SOURCES.get(name))
    frame.silent -= behind


def _callable(frame: Frame, value: Value) -> bool:
    return value.name in frame.machine.functions or sink_of(value.name) is not None


def _applied(
    frame: Frame, node: ast.Call, name: str, callee: Value, arguments: list[Value], keywords: dict[str, Value]
) -> Value | None:
    """Functions got by name without getattr: reduce(getattr, ...), attrgetter, methodcaller."""
    from pumpkin.analysis.python.expressions import attribute

    if name in ("operator.attrgetter", "operator.methodcaller") and arguments:
        return Value(union(*arguments), name=f"{name}()", items=tuple(arguments))
    if name == "functools.reduce" and len(arguments) == 3 and arguments[0].name == "builtins.getattr":
        found = arguments[2]
        for part in arguments[1].items or ():
            found = attribute(frame, found, part.text)
        return found
    if name in ("operator.attrgetter()", "operator.methodcaller()") and callee.items and arguments:
        found = arguments[0]
        for step in callee.items[0].text.split("."):
            found = attribute(frame, found, step)
        if name == "operator.attrgetter()":
            return found
        return call(frame, node, found, arguments[0], callee.items[0].text, list(callee.items[1:]), keywords)
    return None


def _unnamed(frame: Frame, node: ast.Call, name: str, arguments: list[Value], keywords: dict[str, Value]) -> None:
    """A function found by a computed name, or by none that is known, given what is a known attack as a command."""
    text = command(arguments, keywords)
    known = attack(text) if len(text) > 8 else None
    if known is not None and known.level is Level.CRITICAL:
        frame.emit(Sink.SPAWN, name or "call", Value(union(*arguments)), text, node)


def _special(
    frame: Frame,
    node: ast.Call,
    callee: Value,
    receiver: Value,
    attr: str,
    arguments: list[Value],
    keywords: dict[str, Value],
) -> Value | None:
    """The calls that are more than a function: imports by name, getattr, partial, the environment, files, setup."""
    from pumpkin.analysis.python.binding import assign_attribute
    from pumpkin.analysis.python.expressions import attribute, canonical

    name = callee.name
    first = arguments[0] if arguments else EMPTY
    if name in _IMPORTERS:
        module = first.const if isinstance(first.const, str) else ""
        if first.tags & {Tag.DECODE, Tag.CHARS} and not module.startswith("."):
            frame.emit(Sink.IMPORT, name, first, first.text, node)
        if module and name == "builtins.__import__" and "fromlist" not in keywords and len(arguments) < 4:
            module = module.partition(".")[0]
        frame.machine.load(frame, module)
        return Value(first.tags - {Tag.LITERAL}, name=canonical(module))
    if name == "builtins.setattr" and len(arguments) == 3:
        assign_attribute(frame, node, first, arguments[1].text or UNKNOWN, arguments[2])
        return EMPTY
    if attr == "get" and arguments and isinstance(first.const, str) and receiver.name in frame.machine.tables:
        found = frame.machine.tables[receiver.name].get(first.const)
        if found is not None:
            return found
    if attr in ("get", "pop") and isinstance(first.const, str) and not receiver.name and handed(first.const):
        return Value(receiver.tags | handed(first.const))
    if name == "builtins.getattr" and len(arguments) >= 2:
        if isinstance(arguments[1].const, str):
            return attribute(frame, first, arguments[1].const)
        if first.name in _ARMED:
            return Value(first.tags | arguments[1].tags, name=f"{first.name}.[computed]")
        return Value(first.tags | arguments[1].tags)
    applied = _applied(frame, node, name, callee, arguments, keywords)
    if applied is not None:
        return applied
    if name in ("functools.partial", "builtins.staticmethod", "builtins.classmethod") and arguments:
        return Value(union(*arguments), name=first.name)
    if name in ("os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault") and arguments:
        return environment(first.text)
    if name in ("builtins.globals", "builtins.locals", "builtins.vars") and not arguments:
        return Value(name=frame.module.name)
    if name == "builtins.vars":
        return first
    if name in ("builtins.map", "builtins.filter") and len(arguments) >= 2:
        return _mapped(frame, node, arguments)
    if name == "builtins.range" and 0 < len(arguments) < 4:
        numbers = [argument.const for argument in arguments if isinstance(argument.const, int)]
        if len(numbers) == len(arguments) and numbers[2:] != [0] and len(counted := range(*numbers)) <= _COUNTED:
            return Value(first.tags, items=tuple(Value(first.tags, one) for one in counted))
    if name in ("builtins.bytes", "builtins.bytearray", "builtins.list", "builtins.tuple") and arguments:
        return _collected(name, first)
    if name == "builtins.zip" and len(arguments) > 1:
        return _zipped(arguments)
    if name in ("json.dump", "yaml.dump", "pickle.dump") and len(arguments) > 1:
        written(frame, node, arguments[1], first)
    if name in ("builtins.reversed", "builtins.sorted", "builtins.iter") and arguments:
        items = first.items[::-1] if first.items is not None and name == "builtins.reversed" else first.items
        return Value(first.tags, items=items)
    if name in ("builtins.exec", "builtins.eval", "builtins.compile") and arguments:
        return _executed(frame, node, name, first)
    if name in ("sys.path.insert", "sys.path.append") and any(_PACKED.search(value.text) for value in arguments):
        frame.emit(Sink.EXEC, name, Value(frozenset({Tag.DATA})), arguments[-1].text, node)
    if name in ("sys.path.insert", "sys.path.append") and any(
        value.text and value.text in frame.machine.dropped for value in arguments
    ):
        frame.emit(Sink.EXEC, name, Value(frozenset({Tag.NET, Tag.DROPPED})), arguments[-1].text, node)
    if name == "os.write" and first.name in ("tempfile.fd", "builtins.open()") and len(arguments) > 1:
        written(frame, node, first, arguments[1])
        return EMPTY
    if name == "os.fdopen":
        return first
    if name == "builtins.print":
        return _printed(frame, node, arguments, keywords)
    if name == "shutil.copyfileobj" and len(arguments) > 1:
        written(frame, node, arguments[1], first)
    if attr in ("write", "dump", "serialize", "export") and receiver.name and first.name == "builtins.open()":
        written(frame, node, first, receiver)
    if name == "crontab.CronTab().new":
        frame.emit(
            Sink.WRITE, name, Value(union(*arguments, *keywords.values())), "crontab", node, texts(arguments, keywords)
        )
    if (attr in ("write", "writelines") and receiver.name in _WRITTEN) or attr in (
        "write_text",
        "write_bytes",
    ):
        written(frame, node, receiver, first)
        return EMPTY
    if attr in ("read_text", "read_bytes") and (receiver.text or receiver.name.startswith("pathlib.")):
        return Value(opened(frame, node, receiver).tags)
    if name in _OPENERS or (attr == "open" and receiver.name.startswith("pathlib.Path")):
        return opened(frame, node, receiver if attr == "open" and receiver.name.startswith("pathlib.Path") else first)
    if name in ("setuptools.setup", "distutils.core.setup") or attr == "setup":
        objects.set_up(frame, keywords)
    return None


def _printed(frame: Frame, node: ast.Call, arguments: list[Value], keywords: dict[str, Value]) -> Value | None:
    """print: into a file it is writing; what secret files hold is told whoever reads the log."""
    if (target := keywords.get("file", EMPTY)).name in ("builtins.open()", "tempfile.NamedTemporaryFile()"):
        written(frame, node, target, Value(union(*arguments), hint=approximate(arguments, " ")))
        return EMPTY
    if {Tag.FILE, Tag.SECRET} <= union(*arguments):
        frame.emit(Sink.SEND, "print", Value(union(*arguments)), "", node)
    return None


def _executed(frame: Frame, node: ast.Call, name: str, code: Value) -> Value:
    """exec, eval and compile: code that is known is read like any other, one layer deeper."""
    if name == "builtins.compile":
        return code
    frame.emit(Sink.EXEC, name, code, code.text, node)
    if isinstance(code.const, str | bytes):
        frame.machine.nested(frame, code.text, node)
    if name == "builtins.eval" and isinstance(code.const, str) and code.const.isidentifier():
        return frame.scope.find(code.const) or Value(code.tags, name=f"builtins.{code.const}")
    return Value(code.tags)


def _collected(name: str, first: Value) -> Value:
    """bytes([...]) of constants is a constant."""
    items = first.items
    if name in ("builtins.bytes", "builtins.bytearray") and items:
        numbers = [item.const for item in items]
        if all(isinstance(n, int) and 0 <= n < 256 for n in numbers):
            return literal(bytes(n for n in numbers if isinstance(n, int))).with_tags(Tag.CHARS, *first.tags)
    if name in ("builtins.bytes", "builtins.bytearray") and isinstance(first.const, str | bytes):
        return Value(
            first.tags, first.const if isinstance(first.const, bytes) else first.const.encode("utf-8", "replace")
        )
    made = {Tag.CHARS} if name in ("builtins.bytes", "builtins.bytearray") and first.tags else set()
    return Value(first.tags | made, hint=first.text if items is None else "", items=items)


def _zipped(arguments: list[Value]) -> Value:
    rows = [_parts(argument) for argument in arguments]
    tags = union(*arguments)
    if not all(rows):
        return Value(tags, items=(Value(tags, items=tuple(Value(argument.tags) for argument in arguments)),))
    return Value(tags, items=tuple(Value(union(*row), items=row) for row in zip(*rows, strict=False)))


def _parts(value: Value) -> tuple[Value, ...]:
    """An iterable's elements where they are known: of a text its characters."""
    if value.items is None and isinstance(value.const, str | bytes) and len(value.const) <= 4096:
        return tuple(Value(value.tags | {Tag.CHARS}, one) for one in value.const)
    return value.items or ()


def _mapped(frame: Frame, node: ast.Call, arguments: list[Value]) -> Value:
    function, source = arguments[0], arguments[1]
    items = source.items
    if items is None and isinstance(source.const, str | bytes):
        items = tuple(Value(source.tags, c) for c in source.const)
    if items and len(items) <= 4096:
        results = tuple(call(frame, node, function, EMPTY, "", [item], {}) for item in items)
        return Value(union(*results), items=results)
    return call(frame, node, function, EMPTY, "", [Value(source.tags)], {})
