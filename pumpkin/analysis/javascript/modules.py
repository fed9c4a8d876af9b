"""Modules that are required and code that is compiled: of the package read like its own, of the library a name."""

from __future__ import annotations

import json
import re

from tree_sitter import Node

from pumpkin.analysis.flow import EMPTY, Sink, Tag, Value, literal, union
from pumpkin.analysis.javascript import folding
from pumpkin.analysis.javascript.binding import canonical
from pumpkin.analysis.javascript.state import Frame


def required(frame: Frame, node: Node, target: Value) -> Value:
    """A module of the package is run and gives its exports; one of the library its name."""
    text = target.const if isinstance(target.const, str) else target.hint
    if text.startswith("data:"):
        return compiled(frame, node, [_data_address(target, text)])
    if any(path in text for path in frame.machine.dropped):
        frame.emit(Sink.EXEC, "require", target.tags | {Tag.NET, Tag.DROPPED}, text, node)
    if text in ("module", "node:module"):
        return Value(name="Module")
    if text.startswith(".") or text.startswith("/"):
        module = frame.machine.load(frame, text)
        if module is not None:
            return module.exports
        if (data := frame.machine.data(frame, text)) is not None:
            return _json(frame, text, data)
    if text and text[0] not in "./" and (bundled := frame.machine.load(frame, text)) is not None:
        return bundled.exports
    if target.tags & {Tag.DECODE, Tag.CHARS} and not text.startswith(("./", "../")):
        frame.emit(Sink.IMPORT, "require", target.tags, text, node)
    if not isinstance(target.const, str):
        return Value(target.tags)
    frame.machine.required.add(canonical(target.const))
    return Value(name=canonical(target.const))


def _data_address(target: Value, text: str) -> Value:
    """The code of a `data:` address, decoded where it says so."""
    head, _, body = text.partition(",")
    if head.endswith(";base64"):
        code = folding.decoded(body, "base64")
        return Value(target.tags | {Tag.DECODE, Tag.LITERAL}, None if code is None else folding.encoded(code, "utf8"))
    return Value(target.tags, folding.unquoted(body))


def _json(frame: Frame, name: str, data: bytes) -> Value:
    """A JSON file of the package as a value: what is hidden in it is as known as in the source."""
    try:
        return _plain(frame, f"{frame.module.file}:{name}", json.loads(data), 3)
    except (ValueError, RecursionError):
        return EMPTY


def _plain(frame: Frame, name: str, value: object, depth: int) -> Value:
    if isinstance(value, str):
        return literal(value).with_tags(Tag.DATA)
    if isinstance(value, int) and not isinstance(value, bool):
        return Value(const=value)
    if isinstance(value, list) and depth:
        items = tuple(_plain(frame, f"{name}.{place}", one, depth - 1) for place, one in enumerate(value[:4096]))
        return Value(union(*items) if items else frozenset(), items=items)
    if isinstance(value, dict) and depth:
        held = {str(key): _plain(frame, f"{name}.{key}", one, depth - 1) for key, one in list(value.items())[:500]}
        frame.machine.objects[name] = held
        return Value(name=name)
    return EMPTY


def compiled(frame: Frame, node: Node, arguments: list[Value]) -> Value:
    """eval and Function: code that is known is read like any other, one layer deeper."""
    code = arguments[-1] if arguments else EMPTY
    tags = frame.machine.deep(code)
    frame.emit(Sink.EXEC, "eval", tags, code.text, node)
    if isinstance(code.const, str | bytes):
        frame.machine.nested(frame, code.text.removeprefix("data:text/javascript,"), node)
    if isinstance(code.const, str) and code.const.isidentifier():
        return frame.scope.find(code.const) or Value(name=canonical(code.const))
    plain = re.fullmatch(r"\s*return\s+(this|process|globalThis|global|window|require)\W*", code.text)
    return Value(tags, name=f"returns:{plain[1]}" if plain else "")
