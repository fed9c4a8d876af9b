"""What a JavaScript call does: run code of the package, decode, read, or act on the world (which becomes an event)."""

from __future__ import annotations

import re

from tree_sitter import Node

from pumpkin.analysis.flow import EMPTY, Reach, Sink, Tag, Value, approximate, element_of, literal, merged, union
from pumpkin.analysis.javascript import folding
from pumpkin.analysis.javascript.acts import act
from pumpkin.analysis.javascript.arguments import fill, given_to
from pumpkin.analysis.javascript.binding import Evaluate, attribute, canonical
from pumpkin.analysis.javascript.folding import first_of, text_of
from pumpkin.analysis.javascript.functions import invoke
from pumpkin.analysis.javascript.knowledge import CHATS, PATHS, READERS, SAME, SINKS, SOURCES
from pumpkin.analysis.javascript.modules import compiled, required
from pumpkin.analysis.javascript.state import Frame
from pumpkin.analysis.javascript.strings import buffer, characters, decoded, fetched, method, path
from pumpkin.analysis.places import CLOUD_SECRETS, DATA_FILE, FETCHERS, SECRET_COMMANDS, SECRETS, facts

_TYPING = frozenset({"keydown", "keypress", "keyup", "input", "change", "paste", "blur"})
_LATER = frozenset({"setTimeout", "setInterval", "setImmediate", "process.nextTick", "queueMicrotask"})
_EACH = frozenset({"map", "forEach", "filter", "find", "some", "every", "flatMap", "findIndex", "reduce", "sort"})
_PASSING = frozenset({"then", "map", "flatMap", "catch", "finally", "reduce", "replace", "replaceAll"})
_AGAIN = frozenset({"replace", "replaceAll", "on"})
_CODE = re.compile(r"(?<!\.d)\.[cm]?[jt]sx?$")
_NAMED = frozenset({"util.promisify", "Promise.resolve", "Object.getPrototypeOf", "Reflect.getPrototypeOf"})
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
    arguments = given_to(frame, given, evaluate)
    result = call(frame, node, callee, receiver, attr, arguments)
    if attr in ("push", "unshift", "append", "set", "add") and arguments:
        fill(frame, target, arguments, evaluate)
    return result


def _swallows(target: Node, given: Node) -> bool:
    """`promise.catch(() => {})`: nobody hears when it fails."""
    name = target.child_by_field_name("property")
    handler = first_of(given)
    if name is None or name.text != b"catch" or handler is None:
        return False
    body = handler.child_by_field_name("body")
    return body is not None and body.type == "statement_block" and not body.named_child_count


def constructed(frame: Frame, node: Node, evaluate: Evaluate) -> Value:
    """`new X(...)`: an object of the package's class or function, a promise, or something of the library."""
    callee = evaluate(frame, node.child_by_field_name("constructor"))
    given = node.child_by_field_name("arguments")
    arguments = given_to(frame, given, evaluate) if given is not None else []
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
    if callee.name == "Proxy" and arguments:
        return _proxied(frame, arguments)
    if callee.name in machine.functions:
        identity = f"{frame.module.file}:made@{node.start_byte}"
        machine.objects.setdefault(identity, {})
        invoke(frame, machine.functions[callee.name], arguments, Value(name=identity))
        return Value(name=identity)
    if callee.name in ("Function", "Function.constructor"):
        return compiled(frame, node, arguments)
    if (
        callee.name in ("worker_threads.Worker", "Worker")
        and arguments
        and "eval" in machine.objects.get(arguments[-1].name, {})
    ):
        return compiled(frame, node, arguments[:1])
    if callee.name in ("Uint8Array", "Array", "Buffer", "String") and arguments:
        if callee.name == "Buffer":
            return buffer(arguments)
        return arguments[0] if len(arguments) == 1 else Value(union(*arguments), items=tuple(arguments))
    if callee.name == "FormData" and arguments and arguments[0].const is None:
        return Value(machine.deep(arguments[0]) | {Tag.FORM}, name="FormData()")
    name = f"{callee.name}()" if callee.name else ""
    return call(frame, node, Value(callee.tags, name=name), EMPTY, "", arguments, made=True)


def _heard(frame: Frame, attr: str, arguments: list[Value]) -> None:
    """`x.on(name, f)` and `x.emit(name, value)`: the package's own listeners are called with what it tells them."""
    machine, event = frame.machine, arguments[0].text
    if attr == "emit":
        for identity in machine.listeners.get(event, ()):
            invoke(frame, machine.functions[identity], arguments[1:], EMPTY)
    elif len(arguments) > 1 and arguments[1].name in machine.functions and len(machine.listeners) < 500:
        machine.listeners.setdefault(event, []).append(arguments[1].name)


def _proxied(frame: Frame, arguments: list[Value]) -> Value:
    """`new Proxy(target, traps)`: the traps are called with what is asked of the target."""
    target = arguments[0]
    seen = Value(frozenset({Tag.ENV_ALL})) if target.name == "process.env" else target
    for held in frame.machine.objects.get(arguments[-1].name, {}).values():
        own = frame.machine.functions.get(held.name)
        if own is not None:
            invoke(frame, own, [seen, EMPTY, Value(seen.tags), EMPTY], EMPTY)
    return target


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
    if attr in ("on", "once", "addListener", "emit") and arguments:
        _heard(frame, attr, arguments)
    special = _special(frame, node, callee, receiver, attr, arguments)
    if special is not None:
        return special
    if (decoder := machine.decoders.get(callee.name)) is not None:
        return fetched(decoder, arguments, hidden=frame.reach is Reach.INSTALL)
    if (own := machine.functions.get(callee.name)) is not None:
        _hand_over(frame, arguments)
        return invoke(frame, own, arguments, receiver)
    tags = callee.tags | receiver.tags
    for argument in arguments:
        if argument.name not in machine.functions:
            tags |= machine.deep(argument)
    told = act(frame, node, callee.name, attr, receiver, arguments, tags)
    result = _result(frame, node, callee, receiver, attr, arguments, tags, told, made=made)
    back = _call_back(frame, callee.name, receiver, attr, arguments, result)
    if attr in ("filter", "sort", "toSorted") and receiver.items is not None:
        return Value(receiver.tags, items=receiver.items, name=receiver.name)
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
        if name.startswith("WebAssembly."):
            inner = [machine.objects.get(one, {}) for one in owned]
            owned += [held.name for one in inner for held in one.values()]
        for identity in owned[:20]:
            own = machine.functions.get(identity)
            if own is None:
                continue
            if attr in _EACH and receiver.items is not None and place == 0:
                back = _for_each(frame, own.id, attr, receiver)
                continue
            given = Value(receiver.tags, receiver.const, receiver.hint, receiver.name) if attr in _HANDLED else EMPTY
            if attr in _EACH or attr in ("on", "once", "addListener", "replace", "replaceAll"):
                given = Value(frame.machine.deep(receiver), name=receiver.name if "document." in receiver.name else "")
            listened = attr == "addEventListener" or name == "addEventListener"
            typed = listened and arguments[0].text in _TYPING
            if listened and arguments[0].text in ("copy", "cut"):
                given = Value(name="clipboardEvent")
            if attr in ("on", "once") and CHATS.match(receiver.name):
                given = Value(frozenset({Tag.NET}))
            if typed or (attr == "addListener" and receiver.name.startswith("node-global-key-listener")):
                given = Value(frozenset({Tag.KEYS}))
            elif listened and arguments[0].text == "submit":
                given = Value(frozenset({Tag.FORM}))
            if name.startswith("WebAssembly."):
                given = Value(frozenset({Tag.DECODE, Tag.LITERAL}))
            if name in SOURCES:
                tags = result.tags - {Tag.LITERAL}
                given = Value(tags, hint=result.hint)
                found = invoke(frame, own, [given, given, given], receiver)
            else:
                count = 4 if attr in ("replace", "replaceAll") else 1
                found = invoke(frame, own, [given] * count if given != EMPTY else [], receiver)
            if attr in _AGAIN and given != EMPTY:  # what it keeps outside is there when it is called again
                found = merged(found, invoke(frame, own, [given] * 5, receiver))
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
    name, machine = canonical(callee.name), frame.machine
    first = arguments[0] if arguments else EMPTY
    if name == "require":
        return required(frame, node, first)
    if attr in ("call", "apply", "bind") and receiver.name:
        if attr == "bind":
            return receiver
        rest = list(arguments[1].items or (arguments[1],)) if attr == "apply" and len(arguments) > 1 else arguments[1:]
        return call(frame, node, receiver, first, "", rest)
    if name in ("Reflect.apply",) and len(arguments) > 2:
        return call(frame, node, first, arguments[1], "", list(arguments[2].items or (arguments[2],)))
    if name == "Reflect.construct" and len(arguments) > 1 and first.name in ("Function", "Function.constructor"):
        return compiled(frame, node, list(arguments[1].items or arguments[1:]))
    if name.endswith("Function.constructor") or name in ("eval", "Function", "method.constructor"):
        return compiled(frame, node, arguments)
    if name in _LATER:
        if first.name in machine.functions:
            invoke(frame, machine.functions[first.name], arguments[2:], EMPTY)
        elif isinstance(first.const, str):
            compiled(frame, node, arguments[:1])
        return EMPTY
    if name in ("Buffer.from", "Buffer", "Buffer.alloc"):
        return buffer(arguments)
    if name == "String.raw" and first.items:
        return Value(union(*arguments), hint=approximate(first.items))
    if name in ("String.fromCharCode", "String.fromCodePoint"):
        return characters(arguments)
    if name == "TextDecoder().decode" and first.items:
        return buffer([first])
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
    if name in ("Object.values", "Object.keys", "Object.entries") and first.name in machine.objects:
        held = machine.objects[first.name]
        keys, values = [literal(key) for key in held if key != "*"], list(held.values())
        pairs = [Value(union(*pair), items=pair) for pair in zip(keys, values, strict=False)]
        listed = {"Object.values": values, "Object.keys": keys, "Object.entries": pairs}[name]
        return Value(machine.deep(first), items=tuple(listed))
    if name in SAME:
        if name == "Object.assign" and len(arguments) > 1 and first.name in machine.objects:
            for other in arguments[1:]:
                machine.objects[first.name] |= machine.objects.get(other.name, {"*": other} if other.tags else {})
            return first
        tags = frozenset[Tag]().union(*(machine.deep(argument) for argument in arguments))
        const = first.const if name in ("String", "Promise.resolve") else None
        hint = "" if const is not None else machine.words(first)
        return Value(tags, const, hint, first.name if name in _NAMED else "",
                     first.items if name in ("Object.freeze", "Array.from", "Promise.resolve") else None)  # fmt: skip
    if name == "os.homedir":
        return Value(hint="~")
    if name == "os.tmpdir":
        return Value(hint="/tmp")  # noqa: S108
    if name in PATHS:
        return path(arguments)
    if receiver.const is not None or receiver.items is not None:
        return method(receiver, attr, arguments)
    return None


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
        frame.machine.heard += SOURCES[name] is Tag.NET
        if SOURCES[name] is Tag.NET and CLOUD_SECRETS.search(told):
            tags |= {Tag.SECRET}
    if attr in ("charCodeAt", "codePointAt"):
        tags |= {Tag.CHARS}
    if name == "document.createElement":
        return Value(tags, hint=first.text, name=f"{name}()")
    if name == "require.resolve":
        return Value(tags, hint=first.text if first.text.startswith(".") else f"node_modules/{first.text}")
    if SINKS.get(name) is Sink.SPAWN:
        tags |= facts(told) | ({Tag.NET} if FETCHERS.search(told) else frozenset())
    if SINKS.get(name) is Sink.SPAWN and SECRET_COMMANDS.search(told):
        tags |= {Tag.SECRET}
    if attr in ("extractAllTo", "extract") and arguments and tags & {Tag.NET, Tag.DECODE}:
        frame.machine.dropped.add(first.text)
    if any(path in first.text for path in frame.machine.dropped) and name in READERS:
        tags |= {Tag.NET, Tag.DROPPED}
    if name in READERS:
        known = SECRETS.search(first.text[:300])
        hidden = re.search(r"(?:^|[/\\])\.env$|^~/.*\ufffc", first.text[:300])
        tags = (tags - {Tag.LITERAL, Tag.FOLDER}) | ({Tag.SECRET} if known or hidden else frozenset())
        if first.text.startswith((".", "/")) and (data := frame.machine.data(frame, first.text)) is not None:
            found = literal(data.decode("utf-8", "replace"))
            data_file = {Tag.DATA} if DATA_FILE.search(first.text[-12:]) or not _CODE.search(first.text) else set()
            return found.with_tags(*tags, *data_file)
        if known:
            frame.emit(Sink.READ_SECRET, name, tags, first.text, node)
        return Value(tags, hint="", name=f"{name}()" if attr.startswith("create") else "")
    if Tag.DECODE in tags and (const := decoded(name, first)) is not None:
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
