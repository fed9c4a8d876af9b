"""Names being bound: declarations, destructuring, properties of objects and exports of modules."""

from __future__ import annotations

import re
from collections.abc import Callable

from tree_sitter import Node

from pumpkin.analysis.flow import EMPTY, Sink, Tag, Value, merged, union
from pumpkin.analysis.javascript.folding import first_of, text_of, unescaped
from pumpkin.analysis.javascript.knowledge import ACTIVE, ALIASES, HOOKED, REQUEST_NAMES, REQUESTED, SOURCES
from pumpkin.analysis.javascript.state import Frame, Function
from pumpkin.analysis.places import environment, handed

Evaluate = Callable[[Frame, Node | None], Value]
_NAME_LIMIT = 160


def canonical(name: str) -> str:
    """One name for what has several: `node:fs/promises.readFile` and `fs.readFile`."""
    name = name.replace("node:", "", 1) if name.startswith("node:") else name
    for _ in range(3):
        head, dot, tail = name.rpartition(".")
        first, first_dot, rest = name.partition(".")
        if name in ALIASES:
            name = ALIASES[name]
        elif dot and head in ALIASES:
            name = f"{ALIASES[head]}.{tail}"
        elif first_dot and first in ALIASES:
            name = f"{ALIASES[first]}.{rest}"
        elif name.startswith("globalThis."):
            name = name[11:]
        else:
            break
    return name.removesuffix(".default")[:_NAME_LIMIT] or name


def attribute(frame: Frame, base: Value, name: str) -> Value:
    """`base.name`: an object's property, a module's export, a variable of the environment, else a dotted name."""
    held = frame.machine.objects.get(base.name)
    if base.name == "module" and name == "exports":
        return frame.module.exports
    if held is not None:
        found = held.get(name, held.get("*"))
        if found is not None:
            return found.with_tags(*base.tags) if base.tags - found.tags and not found.name else found
        if name == "default":
            return base
        return Value(base.tags)
    if base.name == "process.env":
        return environment(name)
    if name == "length" and (base.items is not None or isinstance(base.const, str | bytes)):
        return Value(base.tags, len(base.items if base.items is not None else base.const or ""))  # type: ignore[arg-type]
    if base.items is not None and name.isdecimal() and int(name[:9]) < len(base.items):
        found = base.items[int(name[:9])]
        return found.with_tags(Tag.LITERAL) if Tag.LITERAL in base.tags - found.tags else found
    if isinstance(base.const, str) and name.isdecimal() and int(name[:9]) < len(base.const):
        return Value(base.tags, base.const[int(name[:9])])
    if name in ("value", "elements") and base.name.startswith(("document.querySelector", "document.getElement")):
        return Value(base.tags | {Tag.FORM}, name=f"{base.name}.{name}"[:_NAME_LIMIT])
    if Tag.VISITOR in base.tags and re.search(r"passw|card|cvv|secret|token", name, re.IGNORECASE):
        return Value(base.tags | {Tag.FORM})
    if name == "constructor" and base.name == "method":
        return Value(base.tags, name="Function")
    if name == "constructor" and (base.const is not None or base.items is not None or base.name == "method"):
        return Value(base.tags, name="constructor")
    if name == "constructor" and (base.name in frame.machine.functions or base.name == "constructor"):
        return Value(base.tags, name="Function")
    if name == "raw" and base.items is not None:
        return base
    if base.items is not None or isinstance(base.const, str):
        return Value(base.tags, name="method")
    if name == "value" and base.name.endswith("event.target"):
        return Value(base.tags | {Tag.FORM}, name=f"{base.name}.{name}"[:_NAME_LIMIT])
    if not base.name or base.name in frame.machine.functions:
        return Value(base.tags)
    if name in REQUESTED and REQUEST_NAMES.search(base.name):
        return Value(base.tags | {Tag.NET, Tag.VISITOR}, name=f"{base.name}.{name}"[:_NAME_LIMIT])
    full = canonical(f"{base.name}.{name}")
    if full == "process.env":
        return Value(frozenset({Tag.ENV_ALL}), name="process.env")
    if full in ("document.cookie", "localStorage", "sessionStorage") or full.startswith("localStorage."):
        return Value(frozenset({Tag.SECRET}), name=full)
    if full in ("process.execPath", "process.argv0"):
        return Value(hint="node", name=full)
    if full == "process.platform":
        return Value(name=full)
    return Value(base.tags, hint=base.hint if base.name.endswith("()") else "", name=full)


def assign(frame: Frame, target: Node | None, value: Value, evaluate: Evaluate, *, declare: bool = False) -> None:
    """Bind the target pattern; a property is remembered by its object, else it taints the variable that holds it."""
    if target is None:
        return
    kind = target.type
    if kind in ("identifier", "shorthand_property_identifier_pattern", "shorthand_property_identifier"):
        if declare:
            before = frame.scope.names.get(text_of(target)) if frame.scope.loose else None
            frame.scope.declare(text_of(target), merged(before, value) if before else value)
        else:
            frame.scope.assign(text_of(target), value)
    elif kind in ("object_pattern", "array_pattern", "object", "array"):
        _destructure(frame, target, value, evaluate, declare=declare)
    elif kind in ("assignment_pattern", "object_assignment_pattern", "assignment_expression"):
        default = evaluate(frame, target.child_by_field_name("right"))
        given = merged(default, value) if value != EMPTY else default
        assign(frame, target.child_by_field_name("left"), given, evaluate, declare=declare)
    elif kind in ("rest_pattern", "spread_element", "parenthesized_expression"):
        assign(frame, first_of(target), value, evaluate, declare=declare)
    elif kind in ("member_expression", "subscript_expression"):
        _property(frame, target, value, evaluate)


def _destructure(frame: Frame, target: Node, value: Value, evaluate: Evaluate, *, declare: bool) -> None:
    for place, part in enumerate(target.named_children[:200]):
        if target.type in ("array_pattern", "array"):
            inner = attribute(frame, value, str(place)) if value.items is not None else Value(union(value))
        elif part.type == "pair_pattern" or part.type == "pair":
            inner = attribute(frame, value, key_of(frame, part.child_by_field_name("key"), evaluate))
            part = part.child_by_field_name("value") or part
        elif part.type in ("object_assignment_pattern", "assignment_pattern"):
            left = part.child_by_field_name("left")
            inner = attribute(frame, value, text_of(left)) if left is not None else EMPTY
        elif part.type in ("rest_pattern", "spread_element"):
            inner = value
        else:
            inner = attribute(frame, value, text_of(part)) if value != EMPTY else Value(handed(text_of(part)))
        assign(frame, part, inner, evaluate, declare=declare)


def key_of(frame: Frame, node: Node | None, evaluate: Evaluate) -> str:
    """A property's name as text; `*` when it is computed and unknown."""
    if node is None:
        return "*"
    if node.type == "string":
        return unescaped(text_of(node)[1:-1])
    if node.type == "computed_property_name":
        found = evaluate(frame, first_of(node))
        return str(found.const) if isinstance(found.const, str | int) else "*"
    return text_of(node)


def element(frame: Frame, node: Node, base: Value, name: str, value: Value) -> None:
    """An attribute of a page's element set: scripts and forms lead elsewhere, pictures carry what stands in their
    address away."""
    made = base.hint if base.name == "document.createElement()" else ""
    if (name == "src" and made in ("script", "iframe")) or (name == "action" and made == "form"):
        frame.emit(Sink.PAGE, f"{made}.{name}", frame.machine.deep(value), value.text, node)
    if name == "src" and (base.name in ("Image()", "HTMLImageElement()") or made == "img"):
        frame.emit(Sink.SEND, "Image.src", frame.machine.deep(value), value.text, node)


def said_by(frame: Frame, own: Function, depth: int = 3) -> str:
    """The text of a function, and of the package's functions and lists that it names, a few steps on."""
    texts: dict[str, None] = {}
    fresh = [own]
    for _ in range(depth):
        named: list[Function] = []
        for one in fresh:
            text = text_of(one.node)
            if text in texts or sum(map(len, texts)) > 4000:
                continue
            texts[text] = None
            for word in dict.fromkeys(re.findall(r"(?<![\w.$])[A-Za-z_$][\w$]{0,40}", text[:4000])):
                known = one.outer.find(word)
                if known is None:
                    continue
                if (inner := frame.machine.functions.get(known.name)) is not None:
                    named.append(inner)
                elif len(words := frame.machine.words(known)) < 2000:
                    texts[words] = None
        fresh = named
    return "\n".join(filter(None, texts))[:6000]


def _property(frame: Frame, target: Node, value: Value, evaluate: Evaluate) -> None:
    holder = target.child_by_field_name("object")
    base = evaluate(frame, holder)
    if target.type == "member_expression":
        name = text_of(target.child_by_field_name("property") or target)
    else:
        key = evaluate(frame, target.child_by_field_name("index"))
        name = str(key.const) if isinstance(key.const, str | int) else "*"
    hooked = canonical(f"{base.name}.{name}")
    own = frame.machine.functions.get(value.name)
    others = own is not None and base.name.removesuffix(".prototype") in frame.machine.required
    if base.name and base.name not in frame.machine.objects and (others or HOOKED.search(hooked)):
        said = said_by(frame, own) if own is not None else ""
        frame.emit(Sink.HOOK, hooked, frame.machine.deep(value), said, target)
        if own is not None:
            frame.machine.hooked(frame, own)
    if base.name == "process.env" and name in ("NODE_TLS_REJECT_UNAUTHORIZED", "NODE_OPTIONS"):
        frame.emit(Sink.HOOK, f"environment.{name}", value.tags, value.text, target)
    if name in ("onmessage", "ondata", "onload", "onreadystatechange", "onopen") and SOURCES.get(base.name) is Tag.NET:
        frame.machine.hear(frame, value)
    if name in ("innerHTML", "outerHTML", "srcdoc") and ACTIVE.search(value.text):
        frame.emit(Sink.PAGE, f"page.{name}", frame.machine.deep(value), value.text, target)
    if name in ("href", "location") and re.search(r"(?:^|\.)location$|^document$|^globalThis$", base.name):
        frame.emit(Sink.PAGE, f"{base.name}.{name}", frame.machine.deep(value), value.text, target)
    element(frame, target, base, name, value)
    if base.name == "module" and name == "exports":
        frame.module.exports = value if frame.module.state == "running" else merged(frame.module.exports, value)
    elif base.name in frame.machine.objects:
        held = frame.machine.objects[base.name]
        if len(held) < 2000:
            held[name] = merged(held[name], value) if name in held else value
    elif holder is not None and holder.type == "identifier" and frame.machine.deep(value) - base.tags:
        known = frame.scope.find(text_of(holder))
        if known is not None:
            frame.scope.assign(text_of(holder), known.with_tags(*frame.machine.deep(value)))
