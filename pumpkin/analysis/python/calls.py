"""What a call does: run code of the package, decode, read, or act on the world (which becomes an event)."""

from __future__ import annotations

import ast
import re
from itertools import pairwise

from pumpkin.analysis.flow import EMPTY, HOST, SPYING, UNKNOWN, Sink, Tag, Value, approximate, literal, union
from pumpkin.analysis.places import (
    A_TEMPORARY,
    AUTOSTART,
    CLOUD_SECRETS,
    DATA_FILE,
    SECRET_COMMANDS,
    SECRETS,
    environment,
)
from pumpkin.analysis.python import folding
from pumpkin.analysis.python.knowledge import RECEIVERS, SETUP_COMMANDS, SINKS, SOURCES
from pumpkin.analysis.python.state import Frame, Function

_PRIVATE = HOST | SPYING | {Tag.SECRET, Tag.ENV_SECRET, Tag.ENV_ALL, Tag.COMMAND}
_PATHS = frozenset({"os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.Path().joinpath"})
_OPENERS = frozenset({"builtins.open", "os.open", "pathlib.Path().open"})
_READERS = frozenset({"read_text", "read_bytes", "read", "readlines", "readline"})
_IMPORTERS = frozenset({"builtins.__import__", "importlib.import_module", "imp.load_source"})
_LISTERS = frozenset({"os.walk", "os.listdir", "glob.glob", "glob.iglob", "os.scandir"})
_PACKERS = frozenset(
    ["zipfile.ZipFile().write", "tarfile.open().add", "shutil.make_archive", "shutil.copytree", "shutil.copy",
     "shutil.copyfile", "shutil.copy2", "sqlite3.connect", "os.listdir", "glob.glob"]
)  # fmt: skip
_BEHIND = re.compile(r"Thread|Timer|submit$|Process$|start_new_thread")
_STARTED = ("subprocess.Popen()", "os.popen()")
_MODULE_RUNNERS = frozenset({"exec_module", "load_module"})
_NATIVE = frozenset(
    ["VirtualAlloc", "VirtualAllocEx", "RtlMoveMemory", "CreateThread", "CreateRemoteThread", "WriteProcessMemory"]
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
        given = [receiver, *arguments] if own.owner and attr and receiver.name != own.owner else arguments
        if own.owner and attr and not receiver.name.endswith("()"):
            given = [Value(name=f"{own.owner}()"), *arguments] if receiver.name == own.owner else given
        return frame.machine.invoke(frame, own, given, keywords)
    if callee.name in frame.machine.classes:
        return _construct(frame, callee, arguments, keywords)
    quiet = _BEHIND.search(callee.name or attr) is not None
    frame.silent += quiet
    _hand_over(frame, values, SOURCES.get(callee.name))
    frame.silent -= quiet
    given = [*arguments, *(value for key, value in keywords.items() if key != "env")]
    tags = union(callee, receiver, *given, *(item for value in values for item in (value.items or ())[:256]))
    if frame.machine.dropped and any(v.text in frame.machine.dropped for v in values if v.text):
        tags |= {Tag.NET, Tag.DROPPED}
    if attr in ("extractall", "extract", "unpack_archive") and tags & {Tag.NET, Tag.DECODE, Tag.LITERAL}:
        frame.machine.dropped |= {v.text for v in values if len(v.text.strip("/." + UNKNOWN)) > 3}
    _install(frame, node, callee.name, attr, receiver, values)
    _act(frame, node, callee.name, attr, receiver, arguments, keywords, tags)
    return _result(callee, receiver, attr, arguments, tags)


def _result(callee: Value, receiver: Value, attr: str, arguments: list[Value], tags: frozenset[Tag]) -> Value:
    """What comes back from code that is not ours: the tags of what went in, and the source's own."""
    name = callee.name
    if name == "socket.socket().accept":
        return Value(items=(Value(frozenset({Tag.NET}), name="socket.socket()"), Value()))
    if name in ("pkgutil.get_data", "importlib.resources.read_text", "importlib.resources.read_binary") or (
        attr in ("read_text", "read_bytes") and DATA_FILE.search(receiver.text[-12:]) is not None
    ):
        tags |= {Tag.DATA}
    if SINKS.get(name) is Sink.SPAWN and SECRET_COMMANDS.search(approximate(arguments, " ")):
        tags |= {Tag.SECRET}
    if attr in ("translate", "tobytes", "to_bytes"):
        tags |= {Tag.CHARS}
    if name.endswith(".Request") and arguments:
        return Value(tags, hint=_texts(arguments, {}), name=f"{name}()")
    if name in SOURCES:
        tags |= {SOURCES[name]}
        if SOURCES[name] is Tag.NET and CLOUD_SECRETS.search(" ".join(argument.text for argument in arguments)):
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
    elif attr in ("glob", "rglob", "iterdir") and receiver.text:
        return Value(tags, items=(Value(tags, hint=f"{receiver.text}/{UNKNOWN}", name="pathlib.Path()"),))
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
    elif attr in _READERS or (attr == "join" and arguments):
        name = ""
    if hint and len(hint) < 300 and SECRETS.search(hint):
        tags |= {Tag.SECRET}
    if SINKS.get(name) is Sink.SPAWN and not hint:
        hint = approximate(arguments, " ")
    return Value(tags, hint=hint, name=f"{name}()"[:200] if name else "")


def _listed(name: str, place: Value, tags: frozenset[Tag]) -> Value:
    """What walking or listing a folder gives: paths below it of which only the beginning is known."""
    below, unknown = Value(tags, hint=f"{place.text}/{UNKNOWN}"), Value(tags, hint=UNKNOWN)
    if name == "os.walk":
        inside = Value(tags, items=(unknown,))
        return Value(tags, items=(Value(tags, items=(below, inside, inside)),))
    if name.startswith("glob."):
        return Value(tags, items=(Value(tags, hint=place.text or UNKNOWN),))
    return Value(tags, items=(below if name == "os.scandir" else unknown,))


def _text_method(receiver: Value, attr: str, arguments: list[Value]) -> str:
    if attr == "join" and arguments and arguments[0].items is not None:
        return approximate(list(arguments[0].items), receiver.text)
    if attr == "format":
        text = receiver.text
        for argument in arguments:
            text = text.replace("{}", argument.text or UNKNOWN, 1)
        return text
    return receiver.text


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
    if name == "builtins.getattr" and len(arguments) >= 2:
        if isinstance(arguments[1].const, str):
            return attribute(frame, first, arguments[1].const)
        return Value(first.tags | arguments[1].tags)
    if name in ("functools.partial", "builtins.staticmethod", "builtins.classmethod") and arguments:
        return Value(union(*arguments), name=first.name)
    if name in ("os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault") and arguments:
        return environment(first.const)
    if name in ("builtins.globals", "builtins.locals", "builtins.vars") and not arguments:
        return Value(name=frame.module.name)
    if name == "builtins.vars":
        return first
    if name in ("builtins.map", "builtins.filter") and len(arguments) >= 2:
        return _mapped(frame, node, arguments)
    if name in ("builtins.bytes", "builtins.bytearray", "builtins.list", "builtins.tuple") and arguments:
        return _collected(name, first)
    if name in ("builtins.reversed", "builtins.sorted", "builtins.iter") and arguments:
        items = first.items[::-1] if first.items is not None and name == "builtins.reversed" else first.items
        return Value(first.tags, items=items)
    if name in ("builtins.exec", "builtins.eval", "builtins.compile") and arguments:
        return _executed(frame, node, name, first)
    if name in ("sys.path.insert", "sys.path.append") and any(
        value.text and value.text in frame.machine.dropped for value in arguments
    ):
        frame.emit(Sink.EXEC, name, Value(frozenset({Tag.NET, Tag.DROPPED})), arguments[-1].text, node)
    if name == "os.write" and first.name == "tempfile.fd" and len(arguments) > 1:
        _written(frame, node, first, arguments[1])
        return EMPTY
    if (attr == "write" and receiver.name in ("builtins.open()", "tempfile.NamedTemporaryFile()")) or attr in (
        "write_text",
        "write_bytes",
    ):
        _written(frame, node, receiver, first)
        return EMPTY
    if name in _OPENERS or (attr == "open" and receiver.name.startswith("pathlib.Path")):
        return _opened(frame, node, receiver if attr == "open" and receiver.name.startswith("pathlib.Path") else first)
    if name in ("setuptools.setup", "distutils.core.setup") or attr == "setup":
        _set_up(frame, keywords)
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


def _opened(frame: Frame, node: ast.Call, path: Value) -> Value:
    tags = path.tags | {Tag.FILE}
    if re.match(r"(?:~|\$HOME|\$USERPROFILE)[/\\].*\ufffc|/[/\ufffc]*\ufffc", path.text[:300]):
        tags |= {Tag.SECRET}
        if path.tags >= tags - {Tag.FILE, Tag.SECRET}:
            return Value(tags - {Tag.LITERAL}, hint=path.text[:300], name="builtins.open()")
    if SECRETS.search(path.text[:300]) or re.search(r"(?:^|[/\\])\.env$", path.text[:300]):
        tags |= {Tag.SECRET}
    if DATA_FILE.search(path.text[-12:]):
        tags |= {Tag.DATA}
    mode = node.args[1] if len(node.args) > 1 else None
    written = isinstance(mode, ast.Constant) and isinstance(mode.value, str) and mode.value[:1] in ("w", "a", "x")
    if SECRETS.search(path.text[:300]) and not written:
        frame.emit(Sink.READ_SECRET, "open", path, path.text, node)
    if not written and path.text and any(place in path.text for place in frame.machine.dropped):
        tags |= {Tag.NET, Tag.DROPPED}
    return Value(tags - {Tag.LITERAL}, hint=path.text[:300], name="builtins.open()")


def _written(frame: Frame, node: ast.Call, target: Value, content: Value) -> None:
    path = target.text or (A_TEMPORARY if target.name.startswith("tempfile.") else "")
    frame.emit(Sink.WRITE, "write", content, path, node, content.text[:2000])
    meant = path == A_TEMPORARY or len(path.strip("/." + UNKNOWN)) > 3
    if content.tags & {Tag.NET, Tag.DECODE} and meant:
        frame.machine.dropped.add(path)


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
    return Value(first.tags, hint=first.text if items is None else "", items=items)


def _mapped(frame: Frame, node: ast.Call, arguments: list[Value]) -> Value:
    function, source = arguments[0], arguments[1]
    items = source.items
    if items is None and isinstance(source.const, str | bytes):
        items = tuple(Value(source.tags, c) for c in source.const)
    if items and len(items) <= 4096:
        results = tuple(call(frame, node, function, EMPTY, "", [item], {}) for item in items)
        return Value(union(*results), items=results)
    return call(frame, node, function, EMPTY, "", [Value(source.tags)], {})


def _construct(frame: Frame, callee: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    """An object of a class of the package: its __init__ runs (and run, for a thread)."""
    made = Value(
        union(*arguments, *keywords.values()) if arguments or keywords else frozenset(), name=f"{callee.name}()"
    )
    for special in ("__new__", "__init__", "__post_init__"):
        method = frame.machine.method(callee.name, special)
        if method is not None and (own := frame.machine.functions.get(method.name)) is not None:
            frame.machine.invoke(frame, own, [Value(name=made.name), *arguments], keywords)
    return Value(made.tags, name=made.name)


def _hand_over(frame: Frame, values: list[Value], source: Tag | None = None) -> None:
    """Functions given to others (threads, hooks, atexit) will be called: as early as what they were given to, and with
    what the network said when it is a listener."""
    given = [Value(frozenset({Tag.NET}))] * 3 if source is Tag.NET else []
    for value in values:
        for item in (value, *(value.items or ())[:32]):
            own = frame.machine.functions.get(item.name) if item.name else None
            if own is not None:
                frame.machine.invoke(frame, own, given[: _most(own)], {})


def _most(own: Function) -> int:
    """How many arguments the function takes by position."""
    return len(own.node.args.posonlyargs) + len(own.node.args.args)


def _install(frame: Frame, node: ast.Call, name: str, attr: str, receiver: Value, values: list[Value]) -> None:
    """Objects put where Python calls them by itself (import hooks, log handlers): their methods run as early."""
    if not (
        attr == "addHandler" or name.startswith(("sys.meta_path.", "sys.path_hooks.", "sys.setprofile", "sys.settrace"))
    ):
        return
    frame.emit(Sink.HOOK, name or attr, EMPTY, "", node)
    run_object(frame, values)


def run_object(frame: Frame, values: list[Value]) -> None:
    """All methods of objects of the package's classes: whoever holds them will call them."""
    for value in values:
        owner = value.name.removesuffix("()")
        for method in list(frame.machine.classes.get(owner, {}).values()):
            own = frame.machine.functions.get(method.name)
            if own is not None:
                frame.machine.invoke(frame, own, [Value(name=f"{owner}()")], {})


def _set_up(frame: Frame, keywords: dict[str, Value]) -> None:
    """setup(cmdclass=...): the commands' methods run on installation."""
    for value in keywords.get("cmdclass", EMPTY).items or ():
        run_class(frame, value.name)


def run_class(frame: Frame, name: str) -> None:
    """Call what setuptools calls of a command class."""
    for method in ("__init__", "initialize_options", "finalize_options", "run"):
        found = frame.machine.classes.get(name, {}).get(method)
        if found is not None and (own := frame.machine.functions.get(found.name)) is not None:
            frame.machine.invoke(frame, own, [Value(name=f"{name}()")], {})


def is_command(bases: list[str]) -> bool:
    return any(base.rpartition(".")[2] in SETUP_COMMANDS for base in bases)


def _act(
    frame: Frame,
    node: ast.Call,
    name: str,
    attr: str,
    receiver: Value,
    arguments: list[Value],
    keywords: dict[str, Value],
    tags: frozenset[Tag],
) -> None:
    """Tell the event when the call is a sink."""
    sink = SINKS.get(name)
    if Tag.SECRET in tags and (name in _PACKERS or attr in _READERS):
        frame.emit(Sink.READ_SECRET, name or attr, Value(tags), _texts(arguments, keywords) or receiver.text, node)
    if sink is None and attr in RECEIVERS and tags & _PRIVATE:
        sink = RECEIVERS[attr]
    if sink is None and attr in ("communicate", "write") and receiver.name.startswith(_STARTED):
        text = f"{receiver.text} {_texts(arguments, {})}"
        frame.emit(Sink.SPAWN, f"{receiver.name}.{attr}", Value(union(receiver, *arguments)), text, node)
        return
    if sink is None and attr in _NATIVE:
        sink = Sink.NATIVE
    if sink is None and attr in _MODULE_RUNNERS:
        frame.emit(Sink.EXEC, name or attr, Value(tags), "", node)
        return
    if sink is None:
        return
    text = _command(arguments, keywords) if sink is Sink.SPAWN else _texts(arguments, keywords)
    detail = []
    if sink is Sink.EXEC and any(path and path in text for path in frame.machine.dropped):
        tags = tags | {Tag.NET, Tag.DROPPED}
    if sink is Sink.SPAWN:
        _inline(frame, node, arguments, text)
    if sink is Sink.SPAWN and any(path and path in text for path in frame.machine.dropped):
        tags = tags | {Tag.DROPPED}
    if sink is Sink.SPAWN and (keywords.get("creationflags") or keywords.get("startupinfo")):
        detail.append("hidden window")
    if sink is Sink.SEND:
        text = f"{receiver.text} {text}" if receiver.text else text
    if sink is Sink.WRITE:
        text = arguments[1].text if len(arguments) > 1 else text
        if "urlretrieve" in name or "wget" in name:
            tags = tags | {Tag.NET}
            frame.machine.dropped.add(text)
    if sink is Sink.REGISTRY and not AUTOSTART.search(text):
        return
    if sink is Sink.DELETE and len(text.strip("/~" + UNKNOWN)) > 3:
        return
    frame.emit(sink, name or attr, Value(tags), text, node, *detail)


def _inline(frame: Frame, node: ast.Call, arguments: list[Value], text: str) -> None:
    """`python -c CODE` started as a program is read like code of the package."""
    words = [word for argument in arguments for word in (argument.items or ())[:20]]
    for flag, code in pairwise(words):
        if flag.text == "-c" and isinstance(code.const, str) and re.match(r"\S*python|\ufffc", text):
            frame.machine.nested(frame, code.const, node)
    for code in re.findall(r"\bpython[\d.]*\s+-c\s+(?:\"(.+)\"|'(.+)')", text[:20_000], re.DOTALL):
        frame.machine.nested(frame, "".join(code), node)


def _command(arguments: list[Value], keywords: dict[str, Value]) -> str:
    parts = [*arguments, keywords.get("args", EMPTY), keywords.get("input", EMPTY)]
    return " ".join(part.text for part in parts if part.text)


def _texts(arguments: list[Value], keywords: dict[str, Value]) -> str:
    values = [*arguments, *keywords.values()]
    return " ".join(text for text in (value.text for value in values) if text)[:4096]
