"""What a JavaScript call does: run code of the package, decode, read, or act on the world (which becomes an event)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise

from tree_sitter import Node

from pumpkin.analysis.flow import (
    EMPTY,
    HOST,
    SPYING,
    UNKNOWN,
    Reach,
    Sink,
    Tag,
    Value,
    approximate,
    element_of,
    literal,
    merged,
    union,
)
from pumpkin.analysis.javascript import folding
from pumpkin.analysis.javascript.binding import Evaluate, attribute, canonical
from pumpkin.analysis.javascript.folding import first_of, text_of, unescaped
from pumpkin.analysis.javascript.functions import invoke
from pumpkin.analysis.javascript.knowledge import PATHS, READERS, SAME, SINKS, SOURCES
from pumpkin.analysis.javascript.state import Frame
from pumpkin.analysis.places import CLOUD_SECRETS, DATA_FILE, SECRET_COMMANDS, SECRETS

_PRIVATE = HOST | SPYING | {Tag.SECRET, Tag.ENV_SECRET, Tag.ENV_ALL}
_TYPING = frozenset({"keydown", "keypress", "keyup", "input", "change", "paste", "blur"})
_LATER = frozenset({"setTimeout", "setInterval", "setImmediate", "process.nextTick", "queueMicrotask"})
_EACH = frozenset({"map", "forEach", "filter", "find", "some", "every", "flatMap", "findIndex", "reduce", "sort"})
_SENDERS = frozenset({"post", "sendMail", "sendBeacon", "putObject", "upload"})
_PASSING = frozenset({"then", "map", "flatMap", "catch", "finally", "reduce", "replace", "replaceAll"})
_HANDLED = frozenset({"then", "catch", "finally", "on", "once", "addListener", "addEventListener", "pipe"})


def called(frame: Frame, node: Node, evaluate: Evaluate) -> Value:
    """A call expression: the callee and its receiver, the arguments, then what it does."""
    target = node.child_by_field_name("function")
    given = node.child_by_field_name("arguments")
    if target is None or given is None:
        return EMPTY
    receiver, attr = EMPTY, ""
    if target.type == "member_expression" and _swallows(target, given):
        frame.silent += 1
        receiver = evaluate(frame, target.child_by_field_name("object"))
        frame.silent -= 1
        return receiver
    if target.type == "import":
        callee = Value(name="require")
    elif target.type == "member_expression":
        receiver = evaluate(frame, target.child_by_field_name("object"))
        attr = text_of(target.child_by_field_name("property") or target)
        callee = attribute(frame, receiver, attr)
    elif target.type == "subscript_expression":
        receiver = evaluate(frame, target.child_by_field_name("object"))
        key = evaluate(frame, target.child_by_field_name("index"))
        attr = str(key.const) if isinstance(key.const, str) else ""
        callee = attribute(frame, receiver, attr) if attr else evaluate(frame, target)
    else:
        callee = evaluate(frame, target)
    arguments = _arguments(frame, given, evaluate)
    result = call(frame, node, callee, receiver, attr, arguments)
    if attr in ("push", "unshift", "append", "set", "add") and arguments:
        _fill(frame, target, arguments)
    return result


def _swallows(target: Node, given: Node) -> bool:
    """`promise.catch(() => {})`: nobody hears when it fails."""
    name = target.child_by_field_name("property")
    handler = first_of(given)
    if name is None or name.text != b"catch" or handler is None:
        return False
    body = handler.child_by_field_name("body")
    return body is not None and body.type == "statement_block" and not body.named_child_count


def _fill(frame: Frame, target: Node, arguments: list[Value]) -> None:
    """After `list.push(x)` the list holds x."""
    holder = target.child_by_field_name("object")
    if holder is None or holder.type != "identifier":
        return
    name = text_of(holder)
    known = frame.scope.find(name)
    tags = frozenset[Tag]().union(*(frame.machine.deep(argument) for argument in arguments))
    if known is None or known.name in frame.machine.objects:
        return
    if known.items is not None and not frame.scope.loose and len(known.items) < 4096:
        frame.scope.assign(name, Value(known.tags | tags, items=(*known.items, *arguments)))
    elif tags - known.tags:
        frame.scope.assign(name, known.with_tags(*tags))


def _arguments(frame: Frame, given: Node, evaluate: Evaluate) -> list[Value]:
    if given.type == "template_string":
        parts = [part for part in given.named_children if part.type != "template_substitution"]
        texts = tuple(literal(unescaped(text_of(part))) for part in parts)
        filled = [part for part in given.named_children if part.type == "template_substitution"]
        return [Value(items=texts), *(evaluate(frame, first_of(part)) for part in filled[:50])]
    arguments: list[Value] = []
    for part in given.named_children[:2000]:
        if part.type == "comment":
            continue
        if part.type == "spread_element":
            value = evaluate(frame, first_of(part))
            arguments += list(value.items) if value.items is not None else [Value(value.tags, value.const, value.text)]
        else:
            arguments.append(evaluate(frame, part))
    return arguments


def constructed(frame: Frame, node: Node, evaluate: Evaluate) -> Value:
    """`new X(...)`: an object of the package's class or function, a promise, or something of the library."""
    callee = evaluate(frame, node.child_by_field_name("constructor"))
    given = node.child_by_field_name("arguments")
    arguments = _arguments(frame, given, evaluate) if given is not None else []
    machine = frame.machine
    if callee.name == "Promise" and arguments and arguments[0].name in machine.functions:
        resolver = f"resolver:{frame.module.file}@{node.start_byte}"
        invoke(frame, machine.functions[arguments[0].name], [Value(name=resolver)], EMPTY)
        return machine.promises.get(resolver, EMPTY)
    if callee.name in machine.objects:
        maker = machine.objects[callee.name].get("constructor", EMPTY)
        if maker.name in machine.functions:
            invoke(frame, machine.functions[maker.name], arguments, Value(name=callee.name))
        return Value(machine.deep(Value(items=tuple(arguments))), name=callee.name)
    if callee.name in machine.functions:
        identity = f"{frame.module.file}:made@{node.start_byte}"
        machine.objects.setdefault(identity, {})
        invoke(frame, machine.functions[callee.name], arguments, Value(name=identity))
        return Value(name=identity)
    if callee.name in ("Function", "Function.constructor"):
        return _compiled(frame, node, arguments)
    if (
        callee.name in ("worker_threads.Worker", "Worker")
        and arguments
        and "eval" in machine.objects.get(arguments[-1].name, {})
    ):
        return _compiled(frame, node, arguments[:1])
    if callee.name in ("Uint8Array", "Array", "Buffer", "String") and arguments:
        if callee.name == "Buffer":
            return _buffer(arguments)
        return arguments[0] if len(arguments) == 1 else Value(union(*arguments), items=tuple(arguments))
    name = f"{callee.name}()" if callee.name else ""
    return call(frame, node, Value(callee.tags, name=name), EMPTY, "", arguments, made=True)


def call(
    frame: Frame, node: Node, callee: Value, receiver: Value, attr: str, arguments: list[Value], *, made: bool = False
) -> Value:
    """The value a call gives, its events told."""
    machine = frame.machine
    if callee.name.startswith("returns:"):
        return Value(name=canonical(callee.name[8:].replace("this", "globalThis")))
    if callee.name.startswith("resolver:"):
        before = machine.promises.get(callee.name)
        given = arguments[0] if arguments else EMPTY
        machine.promises[callee.name] = merged(before, given) if before else given
        return EMPTY
    special = _special(frame, node, callee, receiver, attr, arguments)
    if special is not None:
        return special
    if (own := machine.functions.get(callee.name)) is not None:
        _hand_over(frame, arguments)
        return invoke(frame, own, arguments, receiver)
    tags = callee.tags | receiver.tags
    for argument in arguments:
        if argument.name not in machine.functions:
            tags |= machine.deep(argument)
    told = _act(frame, node, callee.name, attr, receiver, arguments, tags)
    result = _result(frame, node, callee, receiver, attr, arguments, tags, told, made=made)
    back = _call_back(frame, callee.name, receiver, attr, arguments, result)
    if attr in _PASSING and back is not None:
        tags = back.tags | receiver.tags
        if attr in ("map", "replace", "replaceAll", "from"):
            return Value(tags, name=back.name or receiver.name, items=back.items)
        return Value(tags, back.const if attr == "then" else None, back.text, back.name or receiver.name)
    return result


def _hand_over(frame: Frame, arguments: list[Value]) -> None:
    """Functions given to the package's own may never be called by it: then they are called as by anybody."""
    for argument in arguments if frame.reach >= Reach.IMPORT else ():
        if argument.name in frame.machine.functions:
            frame.machine.called.add(argument.name)


def _call_back(
    frame: Frame, name: str, receiver: Value, attr: str, arguments: list[Value], result: Value
) -> Value | None:
    """Functions given to others are called, with what those would hand them."""
    machine = frame.machine
    back: Value | None = None
    for place, argument in enumerate(arguments):
        owned = [argument.name, *(held.name for held in machine.objects.get(argument.name, {}).values())]
        for identity in owned[:20]:
            own = machine.functions.get(identity)
            if own is None:
                continue
            if attr in _EACH and receiver.items is not None and place == 0:
                back = _for_each(frame, own.id, attr, receiver)
                continue
            given = Value(receiver.tags, receiver.const, receiver.hint, receiver.name) if attr in _HANDLED else EMPTY
            if attr in _EACH or attr in ("on", "once", "addListener"):
                given = Value(frame.machine.deep(receiver))
            typed = attr == "addEventListener" and arguments[0].text in _TYPING
            if typed or (attr == "addListener" and receiver.name.startswith("node-global-key-listener")):
                given = Value(frozenset({Tag.KEYS}))
            elif attr == "addEventListener" and arguments[0].text == "submit":
                given = Value(frozenset({Tag.FORM}))
            if name in SOURCES:
                tags = result.tags - {Tag.LITERAL}
                given = Value(tags, hint=result.hint)
                found = invoke(frame, own, [given, given, given], receiver)
            else:
                found = invoke(frame, own, [given] if given != EMPTY else [], receiver)
            back = merged(back, found) if back is not None else found
    return back


def _for_each(frame: Frame, identity: str, attr: str, receiver: Value) -> Value:
    own = frame.machine.functions[identity]
    items = receiver.items or ()
    if attr == "reduce":
        return invoke(frame, own, [Value(receiver.tags), element_of(receiver)], EMPTY)
    if items and len(items) <= 2048 and all(item.const is not None for item in items):
        results = []
        for place, item in enumerate(items):
            result = invoke(frame, own, [item, Value(const=place)], EMPTY, each=True)
            results.append(result)
        return Value(receiver.tags | union(*results) if results else receiver.tags, items=tuple(results))
    return invoke(frame, own, [element_of(receiver)], EMPTY)


def _special(
    frame: Frame, node: Node, callee: Value, receiver: Value, attr: str, arguments: list[Value]
) -> Value | None:
    """The calls that are more than a function: modules, eval, timers, buffers, strings and arrays."""
    name, machine = callee.name, frame.machine
    first = arguments[0] if arguments else EMPTY
    if name == "require":
        return _required(frame, node, first)
    if attr in ("call", "apply", "bind") and receiver.name:
        if attr == "bind":
            return receiver
        rest = list(arguments[1].items or (arguments[1],)) if attr == "apply" and len(arguments) > 1 else arguments[1:]
        return call(frame, node, receiver, first, "", rest)
    if name in ("Reflect.apply",) and len(arguments) > 2:
        return call(frame, node, first, arguments[1], "", list(arguments[2].items or (arguments[2],)))
    if name in ("eval", "Function", "Function.constructor", "method.constructor"):
        return _compiled(frame, node, arguments)
    if name in _LATER:
        if first.name in machine.functions:
            invoke(frame, machine.functions[first.name], arguments[2:], EMPTY)
        elif isinstance(first.const, str):
            _compiled(frame, node, arguments[:1])
        return EMPTY
    if name in ("Buffer.from", "Buffer", "Buffer.alloc"):
        return _buffer(arguments)
    if name in ("String.fromCharCode", "String.fromCodePoint"):
        return _characters(arguments)
    if name == "TextDecoder().decode" and first.items:
        return _buffer([first])
    if (
        attr == "toString"
        and isinstance(receiver.const, int)
        and isinstance(first.const, int)
        and 1 < first.const <= 36
    ):
        return Value(receiver.tags | {Tag.CHARS}, folding.based(receiver.const, first.const))
    if name in ("parseInt", "Number", "BigInt") and isinstance(first.const, str):
        radix = arguments[1].const if len(arguments) > 1 else 10
        try:
            return Value(first.tags, int(first.const, radix if isinstance(radix, int) and 2 <= radix <= 36 else 10))
        except ValueError:
            return Value(first.tags)
    if name in SAME:
        if name == "Object.assign" and len(arguments) > 1 and first.name in machine.objects:
            for other in arguments[1:]:
                machine.objects[first.name] |= machine.objects.get(other.name, {"*": other} if other.tags else {})
            return first
        tags = frozenset[Tag]().union(*(machine.deep(argument) for argument in arguments))
        const = first.const if name in ("String", "Promise.resolve") else None
        hint = "" if const is not None else machine.words(first)
        return Value(tags, const, hint, first.name if name in ("util.promisify", "Promise.resolve") else "",
                     first.items if name in ("Object.freeze", "Array.from", "Promise.resolve") else None)  # fmt: skip
    if name == "os.homedir":
        return Value(hint="~")
    if name == "os.tmpdir":
        return Value(hint="/tmp")  # noqa: S108
    if name in PATHS:
        return _path(arguments)
    if receiver.const is not None or receiver.items is not None:
        return _method(receiver, attr, arguments)
    return None


def _required(frame: Frame, node: Node, target: Value) -> Value:
    """A module of the package is run and gives its exports; one of the library its name."""
    text = target.const if isinstance(target.const, str) else target.hint
    if text.startswith("data:"):
        return _compiled(frame, node, [target])
    if text in ("module", "node:module"):
        return Value(name="Module")
    if text.startswith(".") or text.startswith("/"):
        module = frame.machine.load(frame, text)
        if module is not None:
            return module.exports
        if (data := frame.machine.data(frame, text)) is not None:
            return _json(frame, text, data)
    if target.tags & {Tag.DECODE, Tag.CHARS} and not text.startswith(("./", "../")):
        frame.emit(Sink.IMPORT, "require", target.tags, text, node)
    if not isinstance(target.const, str):
        return Value(target.tags)
    return Value(name=canonical(target.const))


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


def _compiled(frame: Frame, node: Node, arguments: list[Value]) -> Value:
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


def _buffer(arguments: list[Value]) -> Value:
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


def _characters(arguments: list[Value]) -> Value:
    codes = [argument.const for argument in arguments]
    tags = (union(*arguments) if arguments else frozenset()) | {Tag.CHARS}
    if codes and all(isinstance(code, int) and 0 <= code < 0x110000 for code in codes):
        text = "".join(chr(code) for code in codes if isinstance(code, int))
        return Value(tags | literal(text).tags, text)
    return Value(tags)


def _path(arguments: list[Value]) -> Value:
    tags = union(*arguments) if arguments else frozenset[Tag]()
    hint = approximate(arguments, "/")
    if len(hint) < 300 and SECRETS.search(hint):
        tags |= {Tag.SECRET}
    return Value(tags - {Tag.LITERAL}, hint=hint)


def _method(receiver: Value, attr: str, arguments: list[Value]) -> Value | None:
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


def _act(
    frame: Frame, node: Node, name: str, attr: str, receiver: Value, arguments: list[Value], tags: frozenset[Tag]
) -> str:
    """Tell the event when the call is a sink; what is known of its arguments as text."""
    machine = frame.machine
    text = " ".join(filter(None, (machine.words(a) for a in arguments if a.name not in machine.functions)))[:4096]
    sink = SINKS.get(name)
    if sink is None and name.endswith("._compile"):
        sink = Sink.EXEC
    if sink is None and attr in _SENDERS and tags & _PRIVATE:
        sink = Sink.SEND
    if name.endswith(".interceptors.request.use"):
        frame.emit(Sink.HOOK, name, tags, "", node)
    if name.startswith("crypto.createHash"):
        machine.checked.add(frame.module.file)
    if name.endswith("pipeline") and len(arguments) > 1:
        _piped(frame, node, arguments[0], arguments[-1])
    local = "process" in receiver.name or Tag.COMMAND in receiver.tags
    if sink is None and attr in ("end", "write") and Tag.ENV_ALL in tags and frame.reach >= Reach.IMPORT and not local:
        sink = Sink.SEND
    if name.endswith("ethereum.request") and "eth_sendTransaction" in text and frame.reach >= Reach.IMPORT:
        frame.emit(Sink.HOOK, name, tags, text, node)
    if attr == "pipe" and arguments:
        _piped(frame, node, receiver, arguments[0])
    if attr == "write" and receiver.name == "fs.createWriteStream()" and arguments:
        _written(frame, node, name, receiver, arguments[0])
    if sink is Sink.WRITE and arguments:
        source = arguments[1] if len(arguments) > 1 else EMPTY
        _written(frame, node, name, arguments[0], source)
        return text
    if sink is None:
        return text
    if sink is Sink.SEND and CLOUD_SECRETS.search(text):
        frame.emit(Sink.READ_SECRET, name, tags, text, node)
    if sink is Sink.DELETE and len(text.strip("/~" + UNKNOWN)) > 3:
        return text
    if sink is Sink.SPAWN:
        tags = _started(frame, node, text, arguments, tags - {Tag.ENV_ALL})
    if sink is Sink.SEND and receiver.text:
        text = f"{receiver.text} {text}"
    frame.emit(sink, name or attr, tags, text, node)
    return text


def _started(frame: Frame, node: Node, text: str, arguments: list[Value], tags: frozenset[Tag]) -> frozenset[Tag]:
    """A program started: of what was dropped, or a script of the package, which then runs as early."""
    if any(path and path in text for path in frame.machine.dropped):
        tags |= {Tag.DROPPED}
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


def _written(frame: Frame, node: Node, name: str, path: Value, content: Value) -> None:
    tags = frame.machine.deep(content)
    place = path.text
    detail = [content.text[:2000], *(["checked"] if frame.module.file in frame.machine.checked else [])]
    frame.emit(Sink.WRITE, name or "write", tags, place, node, *detail)
    if tags & {Tag.NET, Tag.DECODE} and len(place.strip(UNKNOWN + "/.")) > 3:
        frame.machine.dropped.add(place)


def _piped(frame: Frame, node: Node, source: Value, target: Value) -> None:
    """`a.pipe(b)`: into a file, into a shell, or the output of one into the network."""
    if target.name == "fs.createWriteStream()":
        _written(frame, node, "pipe", target, source)
    elif target.name.endswith(".stdin") and Tag.NET in source.tags:
        frame.emit(Sink.SPAWN, "pipe", source.tags | {Tag.NET}, "", node)
    elif Tag.COMMAND in source.tags and Tag.NET in target.tags:
        frame.emit(Sink.SEND, "pipe.send", source.tags | target.tags, target.text, node)


def _result(
    frame: Frame,
    node: Node, callee: Value, receiver: Value, attr: str, arguments: list[Value], tags: frozenset[Tag], told: str,
    *, made: bool,
) -> Value:  # fmt: skip
    """What comes back from code that is not ours: the tags of what went in, and the source's own."""
    name = callee.name
    first = arguments[0] if arguments else EMPTY
    if name in SOURCES:
        tags |= {SOURCES[name]}
        if SOURCES[name] is Tag.NET and CLOUD_SECRETS.search(told):
            tags |= {Tag.SECRET}
    if attr in ("charCodeAt", "codePointAt"):
        tags |= {Tag.CHARS}
    if name == "document.createElement":
        return Value(tags, hint=first.text, name=f"{name}()")
    if name == "require.resolve":
        return Value(tags, hint=first.text if first.text.startswith(".") else f"node_modules/{first.text}")
    if SINKS.get(name) is Sink.SPAWN and SECRET_COMMANDS.search(told):
        tags |= {Tag.SECRET}
    if attr in ("extractAllTo", "extract") and arguments and tags & {Tag.NET, Tag.DECODE}:
        frame.machine.dropped.add(first.text)
    if any(path in first.text for path in frame.machine.dropped) and name in READERS:
        tags |= {Tag.NET, Tag.DROPPED}
    if name in READERS:
        known = SECRETS.search(first.text[:300])
        hidden = re.search(r"(?:^|[/\\])\.env$|^~/.*\ufffc", first.text[:300])
        tags = (tags - {Tag.LITERAL}) | ({Tag.SECRET} if known or hidden else frozenset())
        if first.text.startswith((".", "/")) and (data := frame.machine.data(frame, first.text)) is not None:
            found = literal(data.decode("utf-8", "replace"))
            data_file = {Tag.DATA} if DATA_FILE.search(first.text[-12:]) else set()
            return found.with_tags(*tags, *data_file)
        if known:
            frame.emit(Sink.READ_SECRET, name, tags, first.text, node)
        return Value(tags, hint="", name=f"{name}()" if attr.startswith("create") else "")
    if Tag.DECODE in tags and (const := _decode(name, first)) is not None:
        return Value(tags | literal(const).tags, const)
    if attr == "toString" and arguments and first.const in ("utf8", "utf-8", "ascii", "latin1", "binary"):
        return Value(tags, hint=receiver.hint)
    if attr in ("update", "final", "decrypt") and "ecipher" in name.lower() + receiver.name.lower():
        tags |= {Tag.DECODE}
    if made and name not in SINKS and name not in SOURCES:
        return Value(tags, hint=told[:1000], name=name)
    if name in SINKS or made or name in SOURCES:
        hint = told if SINKS.get(name) in (Sink.SEND, Sink.CONNECT) or name in SOURCES else first.text
        fresh = SOURCES.get(name) in (Tag.NET, Tag.COMMAND, Tag.FILE)
        return Value(tags - {Tag.LITERAL} if fresh else tags, hint=hint[:1000], name=name if made else f"{name}()")
    if attr in _HANDLED or attr in ("setEncoding", "catch"):
        return receiver
    keep = attr in ("trim", "replace", "toString", "toLowerCase", "slice", "substring", "concat", "normalize")
    return Value(tags, hint=receiver.text if keep else "", name=f"{name}()"[:160] if name else "")


_DECODERS: dict[str, Callable[[Value], str | bytes | None]] = {
    "atob": lambda v: None if (d := folding.decoded(v.const, "base64")) is None else d.decode("latin-1"),
    "unescape": lambda v: folding.unquoted(v.const),
    "decodeURIComponent": lambda v: folding.unquoted(v.const),
    "zlib.inflateSync": lambda v: folding.inflated(v.const, 15) if isinstance(v.const, bytes) else None,
    "zlib.gunzipSync": lambda v: folding.inflated(v.const, 31) if isinstance(v.const, bytes) else None,
    "zlib.unzipSync": lambda v: folding.inflated(v.const, 47) if isinstance(v.const, bytes) else None,
    "zlib.inflateRawSync": lambda v: folding.inflated(v.const, -15) if isinstance(v.const, bytes) else None,
}


def _decode(name: str, first: Value) -> str | bytes | None:
    decoder = _DECODERS.get(name)
    return decoder(first) if decoder is not None and first.const is not None else None
