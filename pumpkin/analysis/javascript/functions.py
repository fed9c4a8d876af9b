"""Functions of the package run on abstract arguments, and the statements in them: each branch taken, each loop once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from tree_sitter import Node

from pumpkin.analysis.flow import EMPTY, NOTHING, Reach, Sink, Tag, Value, element_of, merged
from pumpkin.analysis.javascript.binding import assign, attribute, canonical
from pumpkin.analysis.javascript.folding import first_of, text_of, unescaped
from pumpkin.analysis.javascript.knowledge import REQUEST_NAMES
from pumpkin.analysis.javascript.loops import counted
from pumpkin.analysis.javascript.state import DEPTH_LIMIT, VISIT_LIMIT, Frame, Function, Machine, Scope
from pumpkin.analysis.places import handed

HANDING_ON = 500
"""Bytes of a function that may be one of many between a decoder of texts and its callers."""

_LEAVES = re.compile(r"\b(?:break|return|throw|await|yield|continue\s+\w|process\s*\.\s*exit)\b")


def evaluate(frame: Frame, node: Node | None) -> Value:
    from pumpkin.analysis.javascript import expressions

    return expressions.evaluate(frame, node)


def execute(frame: Frame, body: Iterable[Node]) -> None:
    """Each statement in order, functions declared first."""
    nodes = list(body)
    for node in nodes:
        inner = node.child_by_field_name("declaration") if node.type == "export_statement" else node
        if inner is not None and inner.type in ("function_declaration", "generator_function_declaration"):
            _declare(frame, inner)
    for node in nodes:
        if not frame.machine.spend():
            return
        rule = _RULES.get(node.type)
        if rule is not None:
            rule(frame, node)
        else:
            evaluate(frame, node)


def invoke(frame: Frame, function: Function, arguments: list[Value], this: Value, *, each: bool = False) -> Value:
    """Run a function of the package on abstract arguments, as deep and as often as the budget allows."""
    machine: Machine = frame.machine
    key = (function.id, frame.reach, frame.silent > 0, tuple(arguments), this.name)
    if key in machine.memo:
        return machine.memo[key]
    visits = machine.visits.get((function.id, frame.reach), 0)
    each = each or (bool(machine.decoders) and function.node.end_byte - function.node.start_byte < HANDING_ON)
    if frame.depth >= DEPTH_LIMIT or visits >= (4096 if each else VISIT_LIMIT) or not machine.spend():
        return EMPTY
    machine.visits[function.id, frame.reach] = visits + 1
    machine.memo[key] = EMPTY
    owner = Value(name=function.owner) if function.owner else this
    inner = Frame(machine, function.module, Scope({}, function.outer), frame.reach, function.id.rpartition("/")[2],
                  frame.depth + 1, frame.hidden, owner, line=frame.line if frame.hidden else 0)  # fmt: skip
    inner.silent = frame.silent
    _bind(inner, function.node, arguments)
    body = function.node.child_by_field_name("body")
    if body is not None and body.type == "statement_block":
        execute(inner, body.named_children)
    else:
        inner.result = evaluate(inner, body)
    machine.memo[key] = inner.result
    return inner.result


def _bind(frame: Frame, node: Node, arguments: list[Value]) -> None:
    single = node.child_by_field_name("parameter")
    parameters = node.child_by_field_name("parameters")
    names = [single] if single is not None else parameters.named_children if parameters is not None else []
    frame.scope.names["arguments"] = Value(items=tuple(arguments))
    place = 0
    for parameter in names[:64]:
        if parameter.type == "comment":
            continue
        if parameter.type == "rest_pattern":
            rest = tuple(arguments[place:])
            assign(frame, parameter, Value(items=rest), evaluate, declare=True)
            return
        given = arguments[place] if place < len(arguments) else EMPTY
        if given == EMPTY and parameter.type == "identifier" and REQUEST_NAMES.match(text_of(parameter)):
            given = Value(name=text_of(parameter))
        elif given == EMPTY and parameter.type == "identifier":
            given = Value(handed(text_of(parameter)))
        assign(frame, parameter, given, evaluate, declare=True)
        place += 1


def _declare(frame: Frame, node: Node) -> None:
    from pumpkin.analysis.javascript.expressions import function

    name = node.child_by_field_name("name")
    if name is not None:
        frame.scope.declare(text_of(name), function(frame, node))


def _block(frame: Frame, node: Node | None) -> None:
    if node is None:
        return
    if node.type in ("statement_block", "class_static_block"):
        execute(frame, node.named_children)
    else:
        execute(frame, [node])


def _loosely(frame: Frame, *bodies: Node | None) -> None:
    frame.scope.loose += 1
    for body in bodies:
        _block(frame, body)
    frame.scope.loose -= 1


def _variables(frame: Frame, node: Node) -> None:
    for part in node.named_children[:2000]:
        if part.type == "variable_declarator":
            value = evaluate(frame, part.child_by_field_name("value"))
            assign(frame, part.child_by_field_name("name"), value, evaluate, declare=True)


def _if(frame: Frame, node: Node) -> None:
    evaluate(frame, node.child_by_field_name("condition"))
    other = node.child_by_field_name("alternative")
    _loosely(frame, node.child_by_field_name("consequence"), first_of(other) if other is not None else None)


def _for(frame: Frame, node: Node) -> None:
    _endless(frame, node, node.child_by_field_name("condition"), node.child_by_field_name("body"))
    _block(frame, node.child_by_field_name("initializer"))
    body = node.child_by_field_name("body")
    if (known := counted(frame, node, body, evaluate)) is not None:
        for value in known[1]:
            frame.scope.assign(known[0], Value(const=value))
            _block(frame, body)
        return
    evaluate(frame, node.child_by_field_name("condition"))
    _loosely(frame, body)
    evaluate(frame, node.child_by_field_name("increment"))


def _for_in(frame: Frame, node: Node) -> None:
    source = evaluate(frame, node.child_by_field_name("right"))
    element = element_of(source) if source.items is not None else Value(frame.machine.deep(source))
    left = node.child_by_field_name("left")
    assign(frame, left, element, evaluate, declare=True)
    _loosely(frame, node.child_by_field_name("body"))


def _while(frame: Frame, node: Node) -> None:
    evaluate(frame, node.child_by_field_name("condition"))
    body = node.child_by_field_name("body")
    if node.type == "while_statement":
        _endless(frame, node, node.child_by_field_name("condition"), body)
    _loosely(frame, body, body if frame.scope.loose < 2 else None)


def _try(frame: Frame, node: Node) -> None:
    handler = node.child_by_field_name("handler")
    last = node.child_by_field_name("finalizer")
    caught = handler.child_by_field_name("body") if handler is not None else None
    quiet = caught is not None and not any(part.type != "comment" for part in caught.named_children)
    before, frame.machine.thrown, heard = frame.machine.thrown, EMPTY, frame.machine.heard
    frame.silent += quiet
    _loosely(frame, node.child_by_field_name("body"))
    frame.silent -= quiet
    thrown, frame.machine.thrown = frame.machine.thrown, before
    if handler is not None:
        fault = thrown.with_tags(Tag.NET) if frame.machine.heard > heard else thrown
        assign(frame, handler.child_by_field_name("parameter"), fault, evaluate, declare=True)
        _loosely(frame, handler.child_by_field_name("body"))
    if last is not None:
        _block(frame, last.child_by_field_name("body"))


def _throw(frame: Frame, node: Node) -> None:
    value = evaluate(frame, first_of(node))
    frame.machine.thrown = merged(frame.machine.thrown, value) if frame.machine.thrown != EMPTY else value


def _endless(frame: Frame, node: Node, condition: Node | None, body: Node | None) -> None:
    """A loop that has no end, run unasked: nothing else is done any more."""
    if frame.reach < Reach.IMPORT or body is None or body.end_byte - body.start_byte > 2000:
        return
    for_ever = condition is None or text_of(condition).strip("() ;") in ("", "true", "1", "!0", "!![]")
    if for_ever and not _LEAVES.search(text_of(body)):
        frame.emit(Sink.SCHEDULE, "loop", NOTHING, "", node)


def _switch(frame: Frame, node: Node) -> None:
    evaluate(frame, node.child_by_field_name("value"))
    body = node.child_by_field_name("body")
    frame.scope.loose += 1
    for case in body.named_children if body is not None else ():
        execute(frame, case.named_children)
    frame.scope.loose -= 1


def _return(frame: Frame, node: Node) -> None:
    value = evaluate(frame, first_of(node))
    frame.result = merged(frame.result, value) if frame.result != EMPTY else value


def _nothing(_frame: Frame, _node: Node) -> None:
    return


def _class(frame: Frame, node: Node) -> None:
    value = evaluate(frame, node)
    name = node.child_by_field_name("name")
    if name is not None:
        frame.scope.declare(text_of(name), value)


def _import(frame: Frame, node: Node) -> None:
    source = node.child_by_field_name("source")
    if source is None:
        return
    path = unescaped(text_of(source)[1:-1])
    module = frame.machine.load(frame, path) if path.startswith(".") else None
    whole = module.exports if module is not None else Value(name=canonical(path)) if not path.startswith(".") else EMPTY
    for clause in (
        part for child in node.named_children if child.type == "import_clause" for part in child.named_children
    ):
        if clause.type == "identifier":
            frame.scope.declare(text_of(clause), attribute(frame, whole, "default") if module is not None else whole)
        elif clause.type == "namespace_import":
            frame.scope.declare(text_of(clause.named_children[-1]), whole)
        elif clause.type == "named_imports":
            for one in clause.named_children:
                name = text_of(one.child_by_field_name("name") or one)
                bound = one.child_by_field_name("alias")
                value = whole if name == "default" else attribute(frame, whole, name)
                frame.scope.declare(text_of(bound) if bound is not None else name, value)


def _export(frame: Frame, node: Node) -> None:
    held = frame.machine.objects.setdefault(frame.module.exports.name, {})
    declared = node.child_by_field_name("declaration")
    value = node.child_by_field_name("value")
    if declared is not None:
        before = set(frame.scope.names)
        execute(frame, [declared])
        name = declared.child_by_field_name("name")
        names = {text_of(name)} if name is not None else set(frame.scope.names) - before
        held |= {one: frame.scope.names[one] for one in names if one in frame.scope.names}
        if any(child.type == "default" for child in node.children) and name is not None:
            held["default"] = frame.scope.names.get(text_of(name), EMPTY)
    elif value is not None:
        held["default"] = evaluate(frame, value)
    else:
        _reexport(frame, node, held)


def _reexport(frame: Frame, node: Node, held: dict[str, Value]) -> None:
    source = node.child_by_field_name("source")
    path = unescaped(text_of(source)[1:-1]) if source is not None else ""
    module = frame.machine.load(frame, path) if path.startswith(".") else None
    if module is not None and all(child.type != "export_clause" for child in node.named_children):
        held |= frame.machine.objects.get(module.exports.name, {})
    for clause in (child for child in node.named_children if child.type == "export_clause"):
        for one in clause.named_children:
            name = text_of(one.child_by_field_name("name") or one)
            alias = text_of(one.child_by_field_name("alias") or one.child_by_field_name("name") or one)
            found = attribute(frame, module.exports, name) if module is not None else frame.scope.find(name)
            held[alias] = found or EMPTY


_RULES: dict[str, Callable[[Frame, Node], None]] = {
    "lexical_declaration": _variables,
    "variable_declaration": _variables,
    "if_statement": _if,
    "for_statement": _for,
    "for_in_statement": _for_in,
    "while_statement": _while,
    "do_statement": _while,
    "try_statement": _try,
    "switch_statement": _switch,
    "return_statement": _return,
    "throw_statement": _throw,
    "statement_block": _block,
    "labeled_statement": lambda frame, node: _block(frame, node.child_by_field_name("body")),
    "function_declaration": _nothing,
    "generator_function_declaration": _nothing,
    "class_declaration": _class,
    "import_statement": _import,
    "export_statement": _export,
    "comment": _nothing,
    "empty_statement": _nothing,
}
