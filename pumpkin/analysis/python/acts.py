"""Calls that act on the world: files opened and written, programs started, data sent; each becomes an event."""

from __future__ import annotations

import ast
import re
from itertools import pairwise

from pumpkin.analysis import metadata
from pumpkin.analysis.flow import EMPTY, HOST, SPYING, UNKNOWN, Sink, Tag, Value, union
from pumpkin.analysis.grading import raw
from pumpkin.analysis.places import A_TEMPORARY, AUTOSTART, DATA_FILE, FETCHED, PERSONAL, RUNNABLE, SECRETS
from pumpkin.analysis.python.clients import RECEIVERS, serves, sink_of
from pumpkin.analysis.python.state import Frame

PRIVATE = HOST | SPYING | {Tag.SECRET, Tag.ENV_SECRET, Tag.ENV_ALL, Tag.COMMAND, Tag.CREDENTIAL, Tag.TOKEN, Tag.LISTED}
READERS = frozenset({"read_text", "read_bytes", "read", "readlines", "readline"})
_PACKERS = frozenset(
    ["zipfile.ZipFile().write", "tarfile.open().add", "shutil.make_archive", "shutil.copytree", "shutil.copy",
     "shutil.copyfile", "shutil.copy2", "sqlite3.connect", "os.listdir", "glob.glob"]
)  # fmt: skip
_COPIERS = ("shutil.copy", "shutil.copyfile", "shutil.copy2", "shutil.move", "os.rename", "os.replace")
_STARTED = ("subprocess.Popen()", "os.popen()")
_MODULE_RUNNERS = frozenset({"exec_module", "load_module"})
_ENVIRONS = re.compile(r"/proc/(?:self|\d+|\ufffc)/environ$")
_PLAIN = re.compile(r"^\./(?:[^/]+/)*(?:LICEN[CS]E|COPYING|NOTICE|README|CHANGELOG|AUTHORS|HISTORY)$", re.IGNORECASE)
"""Papers of the package: nobody runs them."""

_LOADERS = frozenset({"ctypes.CDLL", "ctypes.cdll.LoadLibrary", "ctypes.windll.LoadLibrary", "ctypes.WinDLL"})
_NATIVE = frozenset(
    ["VirtualAlloc", "VirtualAllocEx", "RtlMoveMemory", "CreateThread", "CreateRemoteThread", "WriteProcessMemory"]
)


def opened(frame: Frame, node: ast.Call, path: Value) -> Value:
    """A file opened: what its place makes of what is read from it."""
    tags = path.tags | {Tag.FILE}
    if re.match(r"(?:~|\$HOME|\$USERPROFILE)[/\\].*[\ufffc*]|/[/\ufffc]*\ufffc", path.text[:300]):
        tags |= {Tag.SECRET}
        if path.tags >= tags - {Tag.FILE, Tag.SECRET}:
            return Value(tags - {Tag.LITERAL}, hint=path.text[:300], name="builtins.open()")
    if _ENVIRONS.match(path.text[:300]):
        tags |= {Tag.ENV_ALL}
    if path.text.startswith("/dev/input/"):
        tags |= {Tag.KEYS}
    if SECRETS.search(path.text[:300]) or re.search(r"(?:^|[/\\])\.env$", path.text[:300]):
        tags |= {Tag.SECRET}
    if DATA_FILE.search(path.text[-12:]) or _PLAIN.search(path.text[-80:]):
        tags |= {Tag.DATA}
    mode = node.args[1] if len(node.args) > 1 else None
    write = isinstance(mode, ast.Constant) and isinstance(mode.value, str) and mode.value[:1] in ("w", "a", "x")
    if SECRETS.search(path.text[:300]) and not write:
        frame.emit(Sink.READ_SECRET, "open", path, path.text, node)
    if not write and path.text and any(place in path.text for place in frame.machine.dropped):
        tags |= {Tag.NET, Tag.DROPPED}
    return Value(tags - {Tag.LITERAL}, hint=path.text[:300], name="builtins.open()")


def written(frame: Frame, node: ast.Call, target: Value, content: Value) -> None:
    """Something written into a file; what was fetched or unpacked is remembered by its place."""
    path = target.text or (A_TEMPORARY if target.name.startswith("tempfile.") else "")
    if Tag.LISTED in target.tags:
        content = content.with_tags(Tag.LISTED)
    frame.emit(Sink.WRITE, "write", content, path, node, content.text[:2000])
    _remember(frame, path, content.tags)


def _remember(frame: Frame, path: str, tags: frozenset[Tag]) -> None:
    hidden = Tag.DATA in tags and bool(tags & {Tag.CHARS, Tag.DECODE})
    if (tags & {Tag.NET, Tag.DECODE} or hidden) and meant(path):
        frame.machine.dropped.add(path)


def meant(path: str) -> bool:
    """Is enough known of the path to know it again?"""
    return path == A_TEMPORARY or len(path.strip("/." + UNKNOWN)) > 3


def act(
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
    sink = sink_of(name)
    if Tag.SECRET in tags and (name in _PACKERS or attr in READERS):
        frame.emit(Sink.READ_SECRET, name or attr, Value(tags), texts(arguments, keywords) or receiver.text, node)
    if sink is None and tags & PRIVATE and (attr in RECEIVERS or (attr and "()" in receiver.name and serves(name))):
        sink = RECEIVERS.get(attr, Sink.SEND)
    if sink is None and attr in ("communicate", "write") and receiver.name.startswith(_STARTED):
        text = f"{receiver.text} {texts(arguments, {})}"
        frame.emit(Sink.SPAWN, f"{receiver.name}.{attr}", Value(union(receiver, *arguments)), text, node)
        return
    if sink is None and serves(name) and name.count(".") <= 1 and raw(texts(arguments, keywords)):
        sink = Sink.SEND
    if sink is None and attr in _NATIVE:
        sink = Sink.NATIVE
    if name == "mmap.mmap" and any(value.name.endswith("PROT_EXEC") for value in (*arguments, *keywords.values())):
        frame.emit(Sink.NATIVE, name, Value(tags | {Tag.CHARS}), "", node)
    if sink is None and attr in _MODULE_RUNNERS:
        frame.emit(Sink.EXEC, name or attr, Value(tags), "", node)
        return
    if name.endswith("clone_from") and len(arguments) > 1:
        frame.machine.dropped.add(arguments[1].text)
    if name in _LOADERS and arguments and DATA_FILE.search(arguments[0].text[-12:]):
        frame.emit(Sink.NATIVE, name, Value(tags | {Tag.DATA}), arguments[0].text, node)
    if name in _LOADERS and Tag.DROPPED in tags:
        sink = Sink.SPAWN
    if sink is None and attr in ("unlink", "rmdir", "rmtree") and Tag.LISTED in tags:
        sink = Sink.DELETE
    if sink is not None:
        _tell(frame, node, sink, name or attr, receiver, arguments, keywords, tags)


def _tell(
    frame: Frame,
    node: ast.Call,
    sink: Sink,
    name: str,
    receiver: Value,
    arguments: list[Value],
    keywords: dict[str, Value],
    tags: frozenset[Tag],
) -> None:
    text = command(arguments, keywords) if sink is Sink.SPAWN else texts(arguments, keywords)
    detail = []
    dropped = any(path and path in text for path in frame.machine.dropped)
    if sink is Sink.EXEC and "." in name and DATA_FILE.search(text.split(" ")[-1][-12:]):
        tags = tags | {Tag.DATA}
    if sink is Sink.EXEC and dropped:
        tags = tags | {Tag.NET, Tag.DROPPED}
    if sink is Sink.SPAWN:
        _inline(frame, node, arguments, text)
        _unpacked(frame, text)
        tags = tags | {Tag.DROPPED} if dropped else tags
        if keywords.get("creationflags") or keywords.get("startupinfo"):
            detail.append("hidden window")
    if sink is Sink.SEND:
        text = f"{receiver.text} {text}" if receiver.text else text
    if sink is Sink.WRITE:
        text, tags = _copied(frame, name, arguments, text, tags)
    if sink is Sink.REGISTRY and not AUTOSTART.search(text):
        return
    if sink is Sink.DELETE and text.removeprefix("./") == frame.module.file:
        frame.emit(Sink.DELETE, name, Value(tags), text, node, "own")
        return
    if (
        sink is Sink.DELETE
        and len(text.strip("/~" + UNKNOWN)) > 3
        and Tag.LISTED not in tags
        and not PERSONAL.match(text)
    ):
        return
    if sink is Sink.DELETE:
        text = text or receiver.text
    if sink is Sink.UNPICKLE and arguments and isinstance(arguments[0].const, bytes):
        detail += [f"names {found}" for found in metadata.pickled(arguments[0].const)]
    if sink is Sink.SPAWN and name.startswith("pip"):
        text = f"pip {text}"
    frame.emit(sink, name, Value(tags), text, node, *detail)


def _copied(
    frame: Frame, name: str, arguments: list[Value], text: str, tags: frozenset[Tag]
) -> tuple[str, frozenset[Tag]]:
    """The place something is copied, moved or fetched to; a file that becomes a program only there is remembered."""
    place = arguments[1].text if len(arguments) > 1 else text
    if "urlretrieve" in name or "wget" in name:
        frame.machine.dropped.add(place)
        return place, tags | {Tag.NET}
    if name in _COPIERS and arguments and RUNNABLE.search(place) and DATA_FILE.search(arguments[0].text[-12:]):
        frame.machine.dropped.add(place)
    return place, tags


def _unpacked(frame: Frame, text: str) -> None:
    """`tar -xf FETCHED -C FOLDER`: what lies in the folder then was fetched too."""
    for fetched in FETCHED.findall(text[:4000]):
        frame.machine.dropped |= {one for one in fetched if one and "://" not in one}
    if not any(path and path in text for path in frame.machine.dropped):
        return
    for target in re.findall(r"(?:\s-C|\s-d|--directory[=\s])\s*(\S{4,200})", text[:4000]):
        frame.machine.dropped.add(target)


def _inline(frame: Frame, node: ast.Call, arguments: list[Value], text: str) -> None:
    """`python -c CODE` started as a program is read like code of the package."""
    words = [word for argument in arguments for word in (argument.items or ())[:20]]
    for flag, code in pairwise(words):
        if flag.text == "-c" and isinstance(code.const, str) and re.match(r"\S*python|\ufffc", text):
            frame.machine.nested(frame, code.const, node)
    for code in re.findall(r"\bpython[\d.]*\s+-c\s+(?:\"(.+)\"|'(.+)')", text[:20_000], re.DOTALL):
        frame.machine.nested(frame, "".join(code), node)


def command(arguments: list[Value], keywords: dict[str, Value]) -> str:
    """What is known of a command line."""
    parts = [*arguments, keywords.get("args", EMPTY), keywords.get("input", EMPTY)]
    return " ".join(part.text for part in parts if part.text)


def texts(arguments: list[Value], keywords: dict[str, Value]) -> str:
    """What is known of all arguments as text."""
    values = [*arguments, *keywords.values()]
    return " ".join(text for text in (value.text for value in values) if text)[:4096]
