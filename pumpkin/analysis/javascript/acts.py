"""Calls that act on the world: programs started, files written, data sent; each becomes an event."""

from __future__ import annotations

import re
from itertools import pairwise

from tree_sitter import Node

from pumpkin.analysis.flow import EMPTY, HOST, SPYING, UNKNOWN, Reach, Sink, Tag, Value
from pumpkin.analysis.grading import raw
from pumpkin.analysis.javascript.binding import element
from pumpkin.analysis.javascript.knowledge import ACTIVE, SINKS, serves
from pumpkin.analysis.javascript.state import Frame
from pumpkin.analysis.places import ADDRESS, CLOUD_SECRETS, DATA_FILE, FETCHED, PERSONAL, RUNNABLE

_PRIVATE = HOST | SPYING | {Tag.SECRET, Tag.ENV_SECRET, Tag.ENV_ALL}
_COPIERS = re.compile(r"\.(?:copy|copyFile|rename|link|symlink|cp|move)(?:Sync)?$")
_UNPACKED = re.compile(r"(?:\s-C|\s-d|--directory[=\s])\s*(\S{4,200})")
_SENDERS = frozenset(
    ["post", "sendMail", "sendBeacon", "putObject", "upload", "fastPut", "uploadFrom", "uploadFile", "putFile",
     "sendMessage", "sendDocument", "insertOne", "insertMany", "publish"]
)  # fmt: skip


def act(
    frame: Frame, node: Node, name: str, attr: str, receiver: Value, arguments: list[Value], tags: frozenset[Tag]
) -> str:
    """Tell the event when the call is a sink; what is known of its arguments as text."""
    machine = frame.machine
    text = " ".join(filter(None, (machine.words(a) for a in arguments if a.name not in machine.functions)))[:4096]
    sink = SINKS.get(name)
    if re.match(r"WebAssembly\.(?:instantiate|compile)(?:Streaming)?$", name) and Tag.NET in tags and "://" in text:
        sink = Sink.NATIVE
    if sink is None and re.match(r"dns\.(?:promises\.)?Resolver\(\)\.(?:resolve|reverse)", name):
        sink = Sink.SEND
    if sink is None and tags & (_PRIVATE | {Tag.LISTED}) and attr and "()" in receiver.name and serves(name):
        sink = Sink.SEND
    if sink is None and name.endswith("()") and serves(name) and raw(text):
        sink = Sink.SEND
    if sink is Sink.PAGE and attr in ("write", "writeln") and not ACTIVE.search(text):
        sink = None
    if sink is Sink.CLIPBOARD and name.startswith("clipboardEvent") and not ADDRESS.search(text):
        sink = None
    if sink is None and name.endswith("._compile"):
        sink = Sink.EXEC
    local = "process" in receiver.name or Tag.COMMAND in receiver.tags
    if sink is None and attr in _SENDERS and tags & _PRIVATE and not local:
        sink = Sink.SEND
    if name.endswith(".interceptors.request.use"):
        frame.emit(Sink.HOOK, name, tags, "", node)
    if name.startswith("crypto.createHash"):
        machine.checked.add(frame.module.file)
    if name.endswith("pipeline") and len(arguments) > 1:
        _piped(frame, node, arguments[0], arguments[-1])
    if sink is None and attr in ("end", "write") and Tag.ENV_ALL in tags and frame.reach >= Reach.IMPORT and not local:
        sink = Sink.SEND
    if name.endswith("ethereum.request") and "eth_sendTransaction" in text and frame.reach >= Reach.IMPORT:
        frame.emit(Sink.HOOK, name, tags, text, node)
    if attr == "pipe" and arguments:
        _piped(frame, node, receiver, arguments[0])
    if attr == "write" and receiver.name == "fs.createWriteStream()" and arguments:
        written(frame, node, name, receiver, arguments[0])
    if attr == "setAttribute" and len(arguments) > 1:
        element(frame, node, receiver, arguments[0].text, arguments[1])
    if sink is Sink.WRITE and arguments:
        other = arguments[1] if len(arguments) > 1 else EMPTY
        place, source = (other, arguments[0]) if _COPIERS.search(name) else (arguments[0], other)
        written(frame, node, name, place, source)
        return text
    if sink is None:
        return text
    if sink is Sink.SEND and CLOUD_SECRETS.search(text):
        frame.emit(Sink.READ_SECRET, name, tags, text, node)
    if sink is Sink.DELETE and text == frame.module.file:
        frame.emit(Sink.DELETE, name, tags, text, node, "own")
        return text
    if (
        sink is Sink.DELETE
        and len(text.strip("/~" + UNKNOWN)) > 3
        and Tag.LISTED not in tags
        and not PERSONAL.match(text)
    ):
        return text
    if sink is Sink.SPAWN:
        tags = _started(frame, node, text, arguments, tags - {Tag.ENV_ALL})
    if sink is Sink.SEND and receiver.text:
        text = f"{receiver.text} {text}"
    alone = node.parent is not None and node.parent.type == "expression_statement" and len(arguments) == 1
    unheard = ("unheard",) if alone and sink is Sink.SEND and attr in ("get", "end") else ()
    frame.emit(sink, name or attr, tags, text, node, *unheard)
    return text


def _started(frame: Frame, node: Node, text: str, arguments: list[Value], tags: frozenset[Tag]) -> frozenset[Tag]:
    """A program started: of what was dropped, or a script of the package, which then runs as early."""
    if any(path and path in text for path in frame.machine.dropped):
        tags |= {Tag.DROPPED}
        frame.machine.dropped |= set(_UNPACKED.findall(text[:4000]))
    for fetched in FETCHED.findall(text[:4000]):
        frame.machine.dropped |= {one for one in fetched if one and "://" not in one}
    argv = [argument for argument in arguments if argument.name not in frame.machine.objects]
    for argument in argv:
        tags |= frame.machine.deep(argument) & {Tag.ENV_ALL}
    words = [word for argument in argv for word in (argument, *(argument.items or ())[:20])]
    for flag, code in pairwise(words):
        if flag.text in ("-e", "--eval", "-p") and isinstance(code.const, str) and "node" in text[:60]:
            frame.machine.nested(frame, code.const, node)
    for code in re.findall(r"\bnode(?:\.exe)?\s+(?:-e|--eval|-p)\s+(?:\"(.+)\"|'(.+)')", text[:20_000], re.DOTALL):
        frame.machine.nested(frame, "".join(code), node)
    for word in words:
        path = word.text.removeprefix(UNKNOWN)
        if path.endswith((".js", ".mjs", ".cjs")) and len(path) < 200 and " " not in path:
            frame.machine.load(frame, path if path.startswith((".", "/")) else f"./{path}")
    return tags - {Tag.FOLDER}


def written(frame: Frame, node: Node, name: str, path: Value, content: Value) -> None:
    if _COPIERS.search(name) and RUNNABLE.search(path.text) and DATA_FILE.search(content.text[-12:]):
        frame.machine.dropped.add(path.text)
    tags = frame.machine.deep(content) | (path.tags & {Tag.LISTED})
    place = path.text
    detail = [content.text[:2000], *(["checked"] if frame.module.file in frame.machine.checked else [])]
    frame.emit(Sink.WRITE, name or "write", tags, place, node, *detail)
    known = frame.module.file in frame.machine.checked  # against a digest
    if tags & {Tag.NET, Tag.DECODE} and not known and len(place.strip(UNKNOWN + "/.")) > 3:
        frame.machine.dropped.add(place)


def _piped(frame: Frame, node: Node, source: Value, target: Value) -> None:
    """`a.pipe(b)`: into a file, into a shell, or the output of one into the network."""
    if target.name == "fs.createWriteStream()":
        written(frame, node, "pipe", target, source)
    elif target.name.endswith(".stdin") and Tag.NET in source.tags:
        frame.emit(Sink.SPAWN, "pipe", source.tags | {Tag.NET}, "", node)
    elif Tag.COMMAND in source.tags and Tag.NET in target.tags:
        frame.emit(Sink.SEND, "pipe.send", source.tags | target.tags, target.text, node)
