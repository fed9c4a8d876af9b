"""Constant texts, bytes and arrays: what their methods, the buffers and the decoders make of them."""

from __future__ import annotations

from collections.abc import Callable

from pumpkin.analysis.flow import EMPTY, Tag, Value, approximate, literal, union
from pumpkin.analysis.javascript import folding
from pumpkin.analysis.javascript.rotation import Decoder
from pumpkin.analysis.places import SECRETS, names_secret


def buffer(arguments: list[Value]) -> Value:
    if not arguments:
        return EMPTY
    first = arguments[0]
    encoding = str(arguments[1].const) if len(arguments) > 1 and isinstance(arguments[1].const, str) else "utf8"
    tags = first.tags
    if encoding in ("base64", "hex", "base64url"):
        tags |= {Tag.DECODE}
    if first.items:
        numbers = [item.const for item in first.items]
        if all(isinstance(n, int) and 0 <= n < 256 for n in numbers):
            data = bytes(n for n in numbers if isinstance(n, int))
            return Value(tags | {Tag.CHARS} | literal(data).tags, data)
    if first.const is not None and not isinstance(first.const, int):
        data_or_none = folding.decoded(first.const, encoding)
        if data_or_none is not None:
            return Value(tags | literal(first.const).tags, data_or_none, name="")
    return Value(tags, hint=first.text)


def characters(arguments: list[Value]) -> Value:
    codes = [argument.const for argument in arguments]
    tags = (union(*arguments) if arguments else frozenset()) | {Tag.CHARS}
    if codes and all(isinstance(code, int) and 0 <= code < 0x110000 for code in codes):
        text = "".join(chr(code) for code in codes if isinstance(code, int))
        return Value(tags | literal(text).tags, text)
    return Value(tags)


def path(arguments: list[Value]) -> Value:
    tags = union(*arguments) if arguments else frozenset[Tag]()
    hint = approximate(arguments, "/")
    if len(hint) < 300 and SECRETS.search(hint):
        tags |= {Tag.SECRET}
    return Value(tags - {Tag.LITERAL}, hint=hint)


def fetched(decoder: Decoder, arguments: list[Value], *, hidden: bool) -> Value:
    """What a decoder of a turned array gives; `hidden` says that a text so kept is kept from its reader.

    Some sell their libraries so, and are judged by what those do; nobody needs it in what installation runs."""
    place = arguments[0].const if arguments else None
    key = arguments[1].const if len(arguments) > 1 else ""
    if isinstance(place, str):
        place = folding.number(place)
    text = decoder.text(place, key if isinstance(key, str) else "") if isinstance(place, int) else None
    value = Value(literal(text).tags, text)
    value = value.with_tags(Tag.CHARS) if hidden else value
    return value.with_tags(Tag.SECRET) if text and names_secret(text) else value


def method(receiver: Value, attr: str, arguments: list[Value]) -> Value | None:
    """Methods of constant strings, bytes and arrays."""
    const, items = receiver.const, receiver.items
    first = arguments[0] if arguments else EMPTY
    tags = receiver.tags | (union(*arguments) if arguments else frozenset())
    if isinstance(const, bytes) and attr in ("toString", "slice", "subarray"):
        encoding = first.const if isinstance(first.const, str) else "utf8"
        return Value(tags, folding.encoded(const, encoding)) if attr == "toString" else Value(tags, const)
    if isinstance(const, str) and attr == "split":
        if isinstance(first.const, str) and len(const) < 65_536:
            parts = list(const) if first.const == "" else const.split(first.const)
            return Value(tags, items=tuple(Value(receiver.tags, part) for part in parts))
        return Value(tags)
    if isinstance(const, str):
        made = folding.method(const, attr, [argument.const for argument in arguments])
        tags |= {Tag.CHARS} if attr in ("charCodeAt", "codePointAt") else frozenset()
        return Value(tags | literal(made).tags, made) if made is not None else None
    if items is None:
        return None
    if attr == "join":
        glue = first.const if isinstance(first.const, str) else "" if arguments else ","
        if all(isinstance(item.const, str | int) for item in items):
            text = glue.join(str(item.const) for item in items)
            return Value(tags | union(*items) | literal(text).tags if items else tags, text)
        return Value(tags | union(*items), hint=approximate(items, glue))
    if attr == "reverse":
        return Value(tags | {Tag.CHARS}, items=items[::-1])
    if attr == "slice" and all(isinstance(argument.const, int) for argument in arguments):
        bounds = [argument.const for argument in arguments if isinstance(argument.const, int)]
        return Value(tags, items=items[slice(*bounds[:2])] if len(bounds) > 1 else items[bounds[0] if bounds else 0 :])
    if attr == "concat":
        extra = [part for argument in arguments for part in (argument.items or (argument,))]
        return Value(tags, items=(*items, *extra)[:65_536])
    if attr in ("pop", "shift") and items:
        return items[-1 if attr == "pop" else 0]
    return None


_DECODERS: dict[str, Callable[[Value], str | bytes | None]] = {
    "atob": lambda v: None if (d := folding.decoded(v.const, "base64")) is None else d.decode("latin-1"),
    "unescape": lambda v: folding.unquoted(v.const),
    "decodeURIComponent": lambda v: folding.unquoted(v.const),
    "zlib.inflateSync": lambda v: folding.inflated(v.const, 15) if isinstance(v.const, bytes) else None,
    "zlib.gunzipSync": lambda v: folding.inflated(v.const, 31) if isinstance(v.const, bytes) else None,
    "zlib.unzipSync": lambda v: folding.inflated(v.const, 47) if isinstance(v.const, bytes) else None,
    "zlib.inflateRawSync": lambda v: folding.inflated(v.const, -15) if isinstance(v.const, bytes) else None,
}


def decoded(name: str, first: Value) -> str | bytes | None:
    decoder = _DECODERS.get(name)
    return decoder(first) if decoder is not None and first.const is not None else None
