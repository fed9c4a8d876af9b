"""What a call does: run code of the package, decode, read, or act on the world (which becomes an event)."""

from __future__ import annotations

import ast
import re

from pumpkin.analysis.flow import EMPTY, UNKNOWN, Sink, Tag, Value, approximate, literal, union
from pumpkin.analysis.places import (
    A_TEMPORARY,
    CLOUD_SECRETS,
    DATA_FILE,
    FETCHERS,
    SECRET_COMMANDS,
    SECRETS,
    attack,
    environment,
    facts,
    handed,
)
from pumpkin.analysis.python import folding, objects
from pumpkin.analysis.python.acts import READERS, act, command, meant, opened, texts, written
from pumpkin.analysis.python.clients import sink_of, source_of
from pumpkin.analysis.python.knowledge import SOURCES
from pumpkin.analysis.python.state import Frame
from pumpkin.model.findings import Level

_PATHS = frozenset({"os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.Path().joinpath"})
_OPENERS = frozenset({"builtins.open", "os.open", "pathlib.Path().open"})
_IMPORTERS = frozenset({"builtins.__import__", "importlib.import_module", "imp.load_source"})
_LISTERS = frozenset({"os.walk", "os.listdir", "glob.glob", "glob.iglob", "os.scandir"})
_PACKED = re.compile(r"\.(?:zip|dat|bin|png|jpe?g|db|txt|pak)$", re.IGNORECASE)
_ARMED = frozenset({"os", "subprocess", "builtins", "socket", "shutil", "pty", "ctypes"})
_BEHIND = re.compile(
    r"^atexit\.register$|^weakref\.finalize$|Thread|Timer|submit$|Process$|start_new_thread|run_in_executor|to_thread|call_(?:soon|later)"
)
_SEALERS = re.compile(r"(?:^|\.)(?:Fernet|AES|ChaCha20|Salsa20|SecretBox|PKCS1_OAEP|ARC4|Blowfish|DES3?)\b")


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
        given = [receiver, *arguments] if own.owner and attr and receiver.name != own.owner else arguments
        if own.owner and attr and not receiver.name.endswith("()"):
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
    return _result(callee, receiver, attr, arguments, tags)


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


def _result(callee: Value, receiver: Value, attr: str, arguments: list[Value], tags: frozenset[Tag]) -> Value:
    """What comes back from code that is not ours: the tags of what went in, and the source's own."""
    name = callee.name
    if name == "socket.socket().accept":
        return Value(items=(Value(frozenset({Tag.NET}), name="socket.socket()"), Value()))
    if name in ("pkgutil.get_data", "importlib.resources.read_text", "importlib.resources.read_binary") or (
        attr in ("read_text", "read_bytes") and DATA_FILE.search(receiver.text[-12:]) is not None
    ):
        tags |= {Tag.DATA}
    if sink_of(name) is Sink.SPAWN:
        tags |= facts(approximate(arguments, " "))
    if sink_of(name) is Sink.SPAWN and FETCHERS.search(approximate(arguments, " ")):
        tags |= {Tag.NET}
    if sink_of(name) is Sink.SPAWN and SECRET_COMMANDS.search(approximate(arguments, " ")):
        tags |= {Tag.SECRET}
    if attr in ("translate", "tobytes", "to_bytes"):
        tags |= {Tag.CHARS}
    if name.endswith(".Request") and arguments:
        return Value(tags, hint=texts(arguments, {}), name=f"{name}()")
    source = source_of(name)
    if attr in ("encrypt", "encrypt_and_digest", "seal") and _SEALERS.search(receiver.name):
        tags |= {Tag.SEALED}
    if source is not None:
        tags |= {source}
        if source is Tag.NET and CLOUD_SECRETS.search(" ".join(argument.text for argument in arguments)):
            tags |= {Tag.SECRET}
    elif attr == "decrypt" or (attr in ("decompress", "unhexlify") and receiver.name):
        tags |= {Tag.DECODE}
    const = folding.decoded(name, arguments)
    if const is None and attr:
        const = folding.method(receiver, attr, arguments)
    if const is not None:
        return Value(tags | literal(const).tags, const)
    hint = ""
    if name in _PATHS or (attr == "joinpath" and receiver.text):
        parts = [receiver, *arguments] if attr == "joinpath" else arguments
        hint = approximate(parts, "/") if parts else ""
        name = "pathlib.Path" if name != "os.path.join" else ""
    elif (
        name in ("os.path.expanduser", "os.path.abspath", "builtins.str", "os.fspath", "os.path.realpath") and arguments
    ):
        hint, name = arguments[0].text, ""
    elif name in ("pathlib.Path.home", "os.path.expanduser"):
        hint, name = "~", "pathlib.Path"
    elif name == "tempfile.mkstemp":
        return Value(items=(Value(hint=A_TEMPORARY, name="tempfile.fd"), Value(hint=A_TEMPORARY)))
    elif name in ("tempfile.gettempdir", "tempfile.mkdtemp", "tempfile.mktemp"):
        return Value(tags, hint="/tmp" if name == "tempfile.gettempdir" else A_TEMPORARY)  # noqa: S108
    elif attr in (
        "join",
        "format",
        "replace",
        "strip",
        "encode",
        "expanduser",
        "resolve",
        "absolute",
        "lower",
        "decode",
    ):
        hint = _text_method(receiver, attr, arguments)
        name = "pathlib.Path" if receiver.name == "pathlib.Path()" else ""
    elif name in _LISTERS and arguments:
        return _listed(name, arguments[0], tags)
    elif attr in ("glob", "rglob", "iterdir") and (receiver.text or receiver.name.startswith("pathlib.")):
        last = arguments[0].text if arguments and attr != "iterdir" else UNKNOWN
        below = _secret(Value(tags | {Tag.LISTED}, hint=f"{receiver.text or '.'}/{last}", name="pathlib.Path()"))
        return Value(below.tags, items=(below,))
    elif name in (
        "site.getsitepackages",
        "site.getusersitepackages",
        "sysconfig.get_path",
        "sysconfig.get_paths",
        "distutils.sysconfig.get_python_lib",
    ):
        return Value(tags, items=(Value(tags, hint="site-packages"),), hint="site-packages")
    elif name == "asyncio.open_connection":
        return Value(
            items=(Value(name="asyncio.reader"), Value(hint=approximate(arguments, ":"), name="asyncio.writer"))
        )
    elif attr in READERS or (attr == "join" and arguments):
        name = ""
    if hint and len(hint) < 300 and SECRETS.search(hint):
        tags |= {Tag.SECRET}
    if sink_of(name) is Sink.SPAWN and not hint:
        hint = approximate(arguments, " ")
    return Value(tags, hint=hint, name=f"{name}()"[:200] if name else "")


def _listed(name: str, place: Value, tags: frozenset[Tag]) -> Value:
    """What walking or listing a folder gives: paths below it of which only the beginning is known."""
    tags |= {Tag.LISTED}
    below, unknown = Value(tags, hint=f"{place.text or UNKNOWN}/{UNKNOWN}"), Value(tags, hint=UNKNOWN)
    if name == "os.walk":
        inside = Value(tags, items=(unknown,))
        return Value(tags, items=(Value(tags, items=(below, inside, inside)),))
    if name.startswith("glob."):
        return Value(tags, items=(_secret(Value(tags, hint=place.text or UNKNOWN)),))
    return Value(tags, items=(below if name == "os.scandir" else unknown,))


def _secret(path: Value) -> Value:
    return path.with_tags(Tag.SECRET) if SECRETS.search(path.text[:300]) else path


def _text_method(receiver: Value, attr: str, arguments: list[Value]) -> str:
    if attr == "join" and arguments and arguments[0].items is not None:
        return approximate(list(arguments[0].items), receiver.text)
    if attr == "format":
        text = receiver.text
        for argument in arguments:
            text = text.replace("{}", argument.text or UNKNOWN, 1)
        return text
    return receiver.text


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
    if name == "os.write" and first.name == "tempfile.fd" and len(arguments) > 1:
        written(frame, node, first, arguments[1])
        return EMPTY
    if (attr == "write" and receiver.name in ("builtins.open()", "tempfile.NamedTemporaryFile()")) or attr in (
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
