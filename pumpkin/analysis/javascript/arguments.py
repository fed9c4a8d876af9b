"""What a call is given, and the containers that hold it afterwards."""

from __future__ import annotations

from tree_sitter import Node

from pumpkin.analysis.flow import Tag, Value, literal, union
from pumpkin.analysis.javascript.binding import Evaluate
from pumpkin.analysis.javascript.folding import first_of, text_of, unescaped
from pumpkin.analysis.javascript.state import Frame


def _fill_property(frame: Frame, holder: Node, arguments: list[Value], evaluate: Evaluate) -> None:
    """After `this.list.push(x)` the object's list holds x."""
    base = evaluate(frame, holder.child_by_field_name("object"))
    held = frame.machine.objects.get(base.name)
    name = text_of(holder.child_by_field_name("property") or holder)
    known = held.get(name) if held is not None else None
    if held is not None and known is not None and known.items is not None and len(known.items) < 4096:
        held[name] = Value(known.tags | union(*arguments), items=(*known.items, *arguments))
    elif held is not None and known is not None:
        tags = frozenset[Tag]().union(*(frame.machine.deep(argument) for argument in arguments))
        held[name] = known.with_tags(*tags)


def fill(frame: Frame, target: Node, arguments: list[Value], evaluate: Evaluate) -> None:
    """After `list.push(x)` the list holds x."""
    holder = target.child_by_field_name("object")
    if holder is not None and holder.type == "member_expression":
        _fill_property(frame, holder, arguments, evaluate)
        while holder is not None and holder.type == "member_expression":
            holder = holder.child_by_field_name("object")
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


def given_to(frame: Frame, given: Node, evaluate: Evaluate) -> list[Value]:
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
