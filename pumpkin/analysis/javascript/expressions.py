"""JavaScript's expressions to abstract values: constants folded, names followed through modules and objects."""

from __future__ import annotations

from collections.abc import Callable

from tree_sitter import Node

from pumpkin.analysis.flow import EMPTY, HINT_LIMIT, Tag, Value, approximate, literal, merged, union
from pumpkin.analysis.javascript import calls, folding
from pumpkin.analysis.javascript.binding import assign, attribute, canonical, key_of
from pumpkin.analysis.javascript.folding import first_of, text_of, unescaped
from pumpkin.analysis.javascript.state import Frame, Function
from pumpkin.analysis.places import environment, names_secret


def evaluate(frame: Frame, node: Node | None) -> Value:
    """The value of an expression; EMPTY for what is not understood or when the budget is gone."""
    if node is None or not frame.machine.spend():
        return EMPTY
    rule = _RULES.get(node.type)
    return rule(frame, node) if rule else _children(frame, node)


def _children(frame: Frame, node: Node) -> Value:
    values = [evaluate(frame, child) for child in node.named_children[:500]]
    return Value(union(*values)) if values else EMPTY


def _nothing(_frame: Frame, _node: Node) -> Value:
    return EMPTY


def _string(_frame: Frame, node: Node) -> Value:
    const = unescaped(text_of(node)[1:-1])
    value = literal(const)
    return value.with_tags(Tag.SECRET) if names_secret(const) else value


def _template(frame: Frame, node: Node) -> Value:
    parts = []
    for child in node.named_children[:500]:
        if child.type == "template_substitution":
            parts.append(evaluate(frame, first_of(child)))
        else:
            parts.append(literal(unescaped(text_of(child))))
    if all(isinstance(part.const, str | int) for part in parts):
        return textual(union(*parts) if parts else frozenset(), "".join(str(part.const) for part in parts), sure=True)
    return textual(frozenset().union(*(frame.machine.deep(part) for part in parts)), approximate(parts))


def textual(tags: frozenset[Tag], text: str, *, sure: bool = False) -> Value:
    """A text put together of parts; one that names a place of secrets is tagged."""
    tags = tags | {Tag.SECRET} if names_secret(text) else tags
    return Value(tags | literal(text).tags, text) if sure else Value(tags, hint=text[:HINT_LIMIT])


def _number(_frame: Frame, node: Node) -> Value:
    return Value(const=folding.number(text_of(node)))


def _identifier(frame: Frame, node: Node) -> Value:
    name = text_of(node)
    found = frame.scope.find(name)
    if found is not None:
        return found
    if name in ("__dirname", "__filename"):
        return Value(frozenset({Tag.FOLDER}), hint="." if name == "__dirname" else frame.module.file)
    if name in ("localStorage", "sessionStorage"):
        return Value(frozenset({Tag.SECRET}), name=name)
    return Value(name=canonical(name)) if len(name) < 60 else EMPTY


def _member(frame: Frame, node: Node) -> Value:
    base = evaluate(frame, node.child_by_field_name("object"))
    prop = node.child_by_field_name("property")
    return attribute(frame, base, text_of(prop)) if prop is not None else EMPTY


def _subscript(frame: Frame, node: Node) -> Value:
    base = evaluate(frame, node.child_by_field_name("object"))
    key = evaluate(frame, node.child_by_field_name("index"))
    if isinstance(key.const, str | int):
        return attribute(frame, base, str(key.const))
    held = frame.machine.objects.get(base.name)
    if base.name == "process.env":
        hidden = key.tags & {Tag.CHARS, Tag.DECODE}
        if not hidden and Tag.ENV_SECRET in environment(key.text).tags:
            hidden = frozenset({Tag.LITERAL})
        return Value(key.tags & {Tag.ENV_ALL} | {Tag.ENV_SECRET if hidden else Tag.ENV} | hidden)
    if held:
        return Value(frame.machine.deep(base, 1))
    if base.items:
        names = {item.name for item in base.items if item.name}
        return Value(union(base, *base.items), name=names.pop() if len(names) == 1 else "")
    return Value(base.tags | (key.tags if not base.name else frozenset()))


def _binary(frame: Frame, node: Node) -> Value:
    """A chain of `+` is walked along, not down: bundles have thousands of parts in one."""
    chain: list[tuple[str, Node | None]] = []
    while node.type == "binary_expression":
        chain.append((text_of(node.child_by_field_name("operator") or node), node.child_by_field_name("right")))
        left = node.child_by_field_name("left")
        if left is None:
            return EMPTY
        node = left
    value = evaluate(frame, node)
    for operator, right in reversed(chain):
        value = _operated(frame, operator, value, evaluate(frame, right))
    return value


def _operated(frame: Frame, operator: str, left: Value, right: Value) -> Value:
    if operator in ("||", "??", "&&"):
        named = right if operator == "&&" or (not _known(frame, left) and _known(frame, right)) else left
        items = named.items if named is right or left.items is not None or not left.tags else None
        return Value(left.tags | right.tags, named.const, named.hint, named.name, items)
    if operator in ("==", "===", "!=", "!==", "<", ">", "<=", ">=", "in", "instanceof"):
        return EMPTY
    tags = frame.machine.deep(left) | frame.machine.deep(right)
    if operator == "^":
        tags |= {Tag.CHARS}
    left, right = _flattened(left), _flattened(right)
    const = folding.operated(operator, left, right)
    if isinstance(const, str):
        return textual(tags, const, sure=True)
    if const is not None:
        return Value(tags, const)
    return textual(tags, approximate([left, right])) if operator == "+" else Value(tags)


def _known(frame: Frame, value: Value) -> bool:
    """Is it more than a name of something from outside?"""
    inside = value.name in frame.machine.functions or value.name in frame.machine.objects
    return inside or value.const is not None or bool(value.items) or bool(value.tags)


def _flattened(value: Value) -> Value:
    """An array of constants as the text it is beside a `+`."""
    if not value.items or len(value.items) > 64 or any(not isinstance(item.const, str | int) for item in value.items):
        return value
    return Value(value.tags, ",".join(str(item.const) for item in value.items))


def _ternary(frame: Frame, node: Node) -> Value:
    evaluate(frame, node.child_by_field_name("condition"))
    other = evaluate(frame, node.child_by_field_name("alternative"))
    return merged(other, evaluate(frame, node.child_by_field_name("consequence")))


def _sequence(frame: Frame, node: Node) -> Value:
    value = EMPTY
    for child in node.named_children[:5000]:
        value = evaluate(frame, child)
    return value


def _first(frame: Frame, node: Node) -> Value:
    value = EMPTY
    for child in node.named_children:
        if child.type != "comment":
            value = evaluate(frame, child)
    return value


def _unary(frame: Frame, node: Node) -> Value:
    value = evaluate(frame, node.child_by_field_name("argument"))
    operator = text_of(node.child_by_field_name("operator") or node)
    if isinstance(value.const, int) and operator in ("-", "~", "+"):
        return Value(value.tags, {"-": -value.const, "~": ~value.const, "+": value.const}[operator])
    return Value(value.tags) if operator not in ("typeof", "void", "delete", "!") else EMPTY


def _assignment(frame: Frame, node: Node) -> Value:
    value = evaluate(frame, node.child_by_field_name("right"))
    assign(frame, node.child_by_field_name("left"), value, evaluate)
    return value


def _augmented(frame: Frame, node: Node) -> Value:
    left = node.child_by_field_name("left")
    operator = text_of(node.child_by_field_name("operator") or node).removesuffix("=")
    right = evaluate(frame, node.child_by_field_name("right"))
    value = _operated(frame, operator, evaluate(frame, left), right)
    assign(frame, left, value, evaluate)
    return value


def _array(frame: Frame, node: Node) -> Value:
    items: list[Value] = []
    numbers = True
    for child in node.named_children[:65_536]:
        if child.type == "spread_element":
            value = evaluate(frame, first_of(child))
            items += _spread(value)
        else:
            items.append(evaluate(frame, child))
        numbers = numbers and child.type == "number"
    tags = frozenset({Tag.LITERAL}) if numbers and len(items) >= 12 else frozenset[Tag]()
    return Value(tags | (union(*items) if items else frozenset()), items=tuple(items))


def _spread(value: Value) -> tuple[Value, ...]:
    """`...value`: its items, a text's characters, or one that stands for all."""
    if value.items is not None:
        return value.items
    if isinstance(value.const, str):
        return tuple(Value(value.tags, character) for character in value.const[:4096])
    return (Value(value.tags),)


def _object(frame: Frame, node: Node) -> Value:
    identity = f"{frame.module.file}:object@{node.start_byte}.{frame.hidden}"
    held = frame.machine.objects.setdefault(identity, {})
    this = Value(name=identity)
    for child in node.named_children[:1000]:
        if child.type == "pair":
            key = key_of(frame, child.child_by_field_name("key"), evaluate)
            value = evaluate(frame, child.child_by_field_name("value"))
        elif child.type == "method_definition":
            key = text_of(child.child_by_field_name("name") or child)
            value = function(frame, child, identity)
        elif child.type == "shorthand_property_identifier":
            key, value = text_of(child), _identifier(frame, child)
        elif child.type == "spread_element":
            spread = evaluate(frame, first_of(child))
            held |= frame.machine.objects.get(spread.name, {"*": spread} if spread.tags else {})
            continue
        else:
            continue
        held[key] = value
    return this


def function(frame: Frame, node: Node, owner: str = "") -> Value:
    """A function becomes a value that can be handed on and called."""
    identity = f"{frame.module.file}:{node.start_byte}.{frame.hidden}"
    machine = frame.machine
    machine.functions[identity] = Function(identity, node, frame.module, frame.scope, owner or frame.this.name)
    if not frame.hidden and node.start_byte in frame.module.decoders:
        machine.decoders[identity] = frame.module.decoders[node.start_byte]
    return Value(name=identity)


def _function(frame: Frame, node: Node) -> Value:
    return function(frame, node)


def class_of(frame: Frame, node: Node) -> Value:
    """A class as the object all its instances share."""
    identity = f"{frame.module.file}:class@{node.start_byte}.{frame.hidden}"
    held = frame.machine.objects.setdefault(identity, {})
    for part in node.named_children:
        if part.type == "class_heritage":
            base = evaluate(frame, first_of(part))
            held |= {key: value for key, value in frame.machine.objects.get(base.name, {}).items() if key not in held}
    body = node.child_by_field_name("body")
    for member in body.named_children if body is not None else ():
        if member.type == "method_definition":
            held[text_of(member.child_by_field_name("name") or member)] = function(frame, member, identity)
        elif member.type == "field_definition":
            value = evaluate(frame, member.child_by_field_name("value"))
            held[text_of(member.child_by_field_name("property") or member)] = value
        elif member.type == "class_static_block":
            _children(frame, member)
    return Value(name=identity)


def _this(frame: Frame, _node: Node) -> Value:
    return frame.this if frame.this.name else Value(name="globalThis") if not frame.label else EMPTY


def _yield(frame: Frame, node: Node) -> Value:
    frame.result = merged(frame.result, _first(frame, node))
    return EMPTY


def _regex(_frame: Frame, node: Node) -> Value:
    return Value(hint=text_of(node)[:200])


_RULES: dict[str, Callable[[Frame, Node], Value]] = {
    "string": _string,
    "template_string": _template,
    "number": _number,
    "identifier": _identifier,
    "undefined": _nothing,
    "comment": _nothing,
    "true": _nothing,
    "false": _nothing,
    "null": _nothing,
    "regex": _regex,
    "this": _this,
    "super": _this,
    "member_expression": _member,
    "subscript_expression": _subscript,
    "binary_expression": _binary,
    "unary_expression": _unary,
    "ternary_expression": _ternary,
    "sequence_expression": _sequence,
    "parenthesized_expression": _first,
    "await_expression": _first,
    "spread_element": _first,
    "assignment_expression": _assignment,
    "augmented_assignment_expression": _augmented,
    "array": _array,
    "object": _object,
    "arrow_function": _function,
    "function_expression": _function,
    "function": _function,
    "generator_function": _function,
    "class": class_of,
    "class_declaration": class_of,
    "yield_expression": _yield,
    "call_expression": lambda frame, node: calls.called(frame, node, evaluate),
    "new_expression": lambda frame, node: calls.constructed(frame, node, evaluate),
}
