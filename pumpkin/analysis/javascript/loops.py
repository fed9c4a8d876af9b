"""Loops that count over constants: run as they would run, since texts are put together in them."""

from __future__ import annotations

import re
from collections.abc import Callable

from tree_sitter import Node

from pumpkin.analysis.flow import Value
from pumpkin.analysis.javascript.folding import first_of, text_of
from pumpkin.analysis.javascript.state import Frame

MOST = 1024
_BODY_LIMIT = 400
_BUILDS = re.compile(r"\+=|\.push\(|=\s*[\w$]+\s*\+|\+\s*[\w$]+\s*;?\s*\}?$")


def counted(
    frame: Frame, node: Node, body: Node | None, evaluate: Callable[[Frame, Node | None], Value]
) -> tuple[str, range] | None:
    """The variable of a `for` and what it counts through, where its bounds are known and its body puts a text
    together; None for any other loop."""
    text = text_of(body) if body is not None else ""
    condition, step = node.child_by_field_name("condition"), node.child_by_field_name("increment")
    if frame.scope.loose or len(text) > _BODY_LIMIT or not _BUILDS.search(text) or condition is None:
        return None
    while condition.type in ("expression_statement", "parenthesized_expression"):
        inner = first_of(condition)
        if inner is None:
            return None
        condition = inner
    if condition.type == "update_expression":
        name = text_of(condition).strip("-+ ")
        start = _number(frame, name)
        return (name, range(start - 1, -1, -1)) if start is not None and 0 < start <= MOST else None
    left, right = condition.child_by_field_name("left"), condition.child_by_field_name("right")
    if condition.type != "binary_expression" or left is None or step is None or left.type != "identifier":
        return None
    name, stop = text_of(left), evaluate(frame, right).const
    start, by = _number(frame, name), _step(text_of(step), name)
    if start is None or not isinstance(stop, int) or not by:
        return None
    operator = text_of(condition.child_by_field_name("operator") or condition)
    end = stop + (1 if by > 0 else -1) if operator in ("<=", ">=") else stop
    through = range(start, end, by)
    return (name, through) if 0 < len(through) <= MOST else None


def _number(frame: Frame, name: str) -> int | None:
    found = frame.scope.find(name)
    return found.const if found is not None and isinstance(found.const, int) else None


def _step(text: str, name: str) -> int:
    """How far a step goes: `i++`, `--i`, `i += 2`; 0 where it is of another kind."""
    text = text.replace(" ", "")
    if text in (f"{name}++", f"++{name}"):
        return 1
    if text in (f"{name}--", f"--{name}"):
        return -1
    hit = re.fullmatch(rf"{re.escape(name)}([+-])=(\d{{1,4}})", text)
    return (1 if hit[1] == "+" else -1) * int(hit[2]) if hit else 0
