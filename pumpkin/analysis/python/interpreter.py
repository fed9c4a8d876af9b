"""Statements walked with abstract values: each branch is taken, each loop once or twice, each function when called."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from pumpkin.analysis.flow import EMPTY, Reach, Sink, Tag, Value, element_of, merged
from pumpkin.analysis.places import handed
from pumpkin.analysis.python import binding
from pumpkin.analysis.python.expressions import canonical, evaluate, known_name
from pumpkin.analysis.python.objects import decorated, is_command, method, run_class
from pumpkin.analysis.python.state import DEPTH_LIMIT, VISIT_LIMIT, Frame, Function, Machine, Module, Scope

_PROPERTIES = frozenset({"builtins.property", "functools.cached_property", "werkzeug.utils.cached_property"})


def execute(frame: Frame, body: Iterable[ast.stmt]) -> None:
    """Each statement in order; what a branch binds stays possible beside what was there."""
    for node in body:
        if not frame.machine.spend():
            return
        rule = _RULES.get(type(node))
        if rule is not None:
            rule(frame, node)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    evaluate(frame, child)


def _branch(frame: Frame, *bodies: Iterable[ast.stmt]) -> None:
    frame.scope.loose += 1
    for body in bodies:
        execute(frame, body)
    frame.scope.loose -= 1


def _expression(frame: Frame, node: ast.Expr) -> None:
    if isinstance(node.value, ast.Constant):
        return
    value = evaluate(frame, node.value)
    call = node.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and value.tags and _fills(call.func.attr):
        binding.assign(frame, ast.Subscript(call.func.value, ast.Constant(0), ast.Store()), Value(value.tags), evaluate)
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ("save", "dump"):
        for given in call.args[:2]:
            binding.assign(frame, ast.Subscript(given, ast.Constant(0), ast.Store()), Value(value.tags), evaluate)
    if (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("connect", "connect_ex")
    ):
        _reached(frame, call)


def _reached(frame: Frame, call: ast.Call) -> None:
    """After `s.connect((host, port))` it is known where to what is sent by `s` goes."""
    place = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    held = evaluate(frame, place)
    whereto = " ".join(evaluate(frame, part).text for part in call.args[:2])
    if held.name.startswith(("socket.", "ssl.")) and whereto and not held.hint:
        binding.assign(frame, place, Value(held.tags, hint=whereto[:300], name=held.name), evaluate)


def _fills(method: str) -> bool:
    """Methods after which the object holds what it was given."""
    return method in (
        "append",
        "extend",
        "update",
        "add",
        "insert",
        "attach",
        "add_field",
        "setdefault",
        "put",
        "set_payload",
        "set_content",
        "read",
        "read_file",
        "write",
    )


def _assign(frame: Frame, node: ast.Assign) -> None:
    value = evaluate(frame, node.value)
    for target in node.targets:
        binding.assign(frame, target, value, evaluate)


def _annotated(frame: Frame, node: ast.AnnAssign) -> None:
    if isinstance(node.annotation, ast.Call):
        evaluate(frame, node.annotation)
    if node.value is not None:
        binding.assign(frame, node.target, evaluate(frame, node.value))


def _augmented(frame: Frame, node: ast.AugAssign) -> None:
    load = ast.Name(node.target.id, ast.Load()) if isinstance(node.target, ast.Name) else node.target
    value = evaluate(frame, ast.copy_location(ast.BinOp(load, node.op, node.value), node))
    binding.assign(frame, node.target, value, evaluate)


def _if(frame: Frame, node: ast.If) -> None:
    evaluate(frame, node.test)
    if _is_main_guard(node.test):
        inner = Frame(frame.machine, frame.module, frame.scope, min(frame.reach, Reach.CALLED), frame.label,
                      frame.depth, frame.hidden)  # fmt: skip
        if frame.reach is Reach.INSTALL:
            inner.reach = Reach.INSTALL
        execute(inner, node.body)
        execute(frame, node.orelse)
        return
    _branch(frame, node.body, node.orelse)


def _is_main_guard(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _for(frame: Frame, node: ast.For | ast.AsyncFor) -> None:
    source = evaluate(frame, node.iter)
    if source.name.removesuffix("()") in frame.machine.classes:
        method(frame, source.name, "__next__", [])
        source = method(frame, source.name, "__iter__", []) or source
    if _unrolled(frame, node, source):
        return
    element = element_of(source)
    binding.assign(frame, node.target, element)
    _branch(frame, node.body, node.orelse)


def _unrolled(frame: Frame, node: ast.For | ast.AsyncFor, source: Value) -> bool:
    """A small loop over constants is run as it would run: texts are put together in it."""
    items = source.items
    if items is None and isinstance(source.const, str | bytes):
        items = tuple(Value(source.tags | {Tag.CHARS}, one) for one in source.const[:2048])
    small = len(node.body) <= 3 and all(isinstance(one, ast.AugAssign | ast.Assign | ast.Expr) for one in node.body)
    if not small or not items or not 1 < len(items) <= 2048 or any(item.const is None for item in items):
        return False
    for item in items:
        binding.assign(frame, node.target, item)
        execute(frame, node.body)
    execute(frame, node.orelse)
    return True


def _endless(frame: Frame, node: ast.While) -> bool:
    """Does the loop run unasked, without an end, and do nothing but fill the screen or the memory?"""
    if frame.reach < Reach.IMPORT or frame.silent or not (isinstance(node.test, ast.Constant) and node.test.value):
        return False
    inner = [part for one in node.body for part in ast.walk(one)]
    if any(isinstance(part, ast.Break | ast.Return | ast.Raise | ast.Yield | ast.Await) for part in inner):
        return False
    called = {_last(part.func) for part in inner if isinstance(part, ast.Call)}
    return bool(called) and called <= {
        "print",
        "write",
        "append",
        "extend",
        "flush",
        "info",
        "warning",
        "fork",
        "choice",
    }


def _while(frame: Frame, node: ast.While) -> None:
    if _endless(frame, node):
        frame.emit(Sink.SCHEDULE, "loop", EMPTY, "", node)
    evaluate(frame, node.test)
    endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
    frame.endless += endless
    _branch(frame, node.body, node.body if frame.scope.loose < 2 else (), node.orelse)
    frame.endless -= endless


def _with(frame: Frame, node: ast.With | ast.AsyncWith) -> None:
    for item in node.items:
        value = evaluate(frame, item.context_expr)
        if value.name.removesuffix("()") in frame.machine.classes:
            value = method(frame, value.name, "__enter__", []) or value
        if item.optional_vars is not None:
            binding.assign(frame, item.optional_vars, value)
    execute(frame, node.body)


def _try(frame: Frame, node: ast.Try) -> None:
    if node.handlers and all(_says_nothing(handler) for handler in node.handlers):
        frame.silent += 1
        _branch(frame, node.body)
        frame.silent -= 1
        _branch(frame, node.orelse, node.finalbody)
        return
    hushed = any(isinstance(part, ast.Return) for part in node.finalbody)
    frame.silent += hushed
    _branch(frame, node.body)
    frame.silent -= hushed
    _branch(frame, *(handler.body for handler in node.handlers), node.orelse, node.finalbody)


def _says_nothing(handler: ast.ExceptHandler) -> bool:
    return all(_idle(part) for part in handler.body)


def _idle(part: ast.stmt) -> bool:
    """Does the statement do nothing about a fault: pass, `...`, an empty answer?"""
    if isinstance(part, ast.Return):
        return part.value is None or (isinstance(part.value, ast.Constant) and not part.value.value)
    return isinstance(part, ast.Pass | ast.Continue) or (
        isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
    )


def _match(frame: Frame, node: ast.Match) -> None:
    evaluate(frame, node.subject)
    _branch(frame, *(case.body for case in node.cases))


def _return(frame: Frame, node: ast.Return) -> None:
    value = evaluate(frame, node.value)
    frame.result = merged(frame.result, value) if frame.result != EMPTY else value


def _function(frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    label = f"{frame.label}.{node.name}" if frame.label else node.name
    identity = f"{frame.module.name}:{label}" + (f"#{frame.hidden}" if frame.hidden else "")
    frame.machine.functions[identity] = Function(identity, node, frame.module, frame.scope, frame.owner)
    value = Value(name=identity)
    frame.scope.bind(node.name, value)
    for part in reversed(node.decorator_list):
        decorator = evaluate(frame, part)
        if decorator.name in _PROPERTIES:
            frame.machine.properties.add(identity)
        else:
            decorated(frame, decorator, frame.machine.functions.get(decorator.name), value)


def _class(frame: Frame, node: ast.ClassDef) -> None:
    label = f"{frame.label}.{node.name}" if frame.label else node.name
    identity = f"{frame.module.name}:{label}"
    bases = [evaluate(frame, base).name for base in node.bases]
    names: dict[str, Value] = {}
    frame.machine.classes[identity] = names
    frame.machine.bases[identity] = [base for base in bases if base]
    inner = Frame(frame.machine, frame.module, Scope(names, frame.scope), frame.reach, label, frame.depth,
                  frame.hidden, identity)  # fmt: skip
    execute(inner, node.body)
    frame.scope.bind(node.name, Value(name=identity))
    for base in bases:
        method(frame, base, "__init_subclass__", [])
    for keyword in node.keywords:
        made = evaluate(frame, keyword.value).name
        for special in ("__new__", "__init__", "__prepare__"):
            method(frame, made, special, [])
    for part in reversed(node.decorator_list):
        wrapper = frame.machine.functions.get(evaluate(frame, part).name)
        if wrapper is not None:
            invoke(frame, wrapper, [Value(name=identity)], {})
    if frame.reach is Reach.INSTALL and is_command([*bases, *(_last(base) for base in node.bases)]):
        run_class(frame, identity)


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _import(frame: Frame, node: ast.Import) -> None:
    for alias in node.names:
        frame.machine.load(frame, alias.name)
        name = alias.name if alias.asname else alias.name.partition(".")[0]
        frame.scope.bind(alias.asname or name, Value(name=canonical(name)))


def _import_from(frame: Frame, node: ast.ImportFrom) -> None:
    base = _absolute(frame.module, node)
    module = frame.machine.load(frame, base)
    for alias in node.names:
        if alias.name == "*":
            if module is not None:
                frame.scope.names |= module.names
            continue
        value = module.names.get(alias.name) if module is not None else None
        if value is None:
            name = f"{base}.{alias.name}"
            frame.machine.load(frame, name)
            value = known_name(Value(name=canonical(name)))
        frame.scope.bind(alias.asname or alias.name, value)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    up = node.level - 1 if module.package else node.level
    base = parts[: len(parts) - up] if up else parts
    return ".".join([*base, node.module] if node.module else base)


_RULES: dict[type[ast.stmt], Callable[[Frame, Any], None]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.Match: _match,
    ast.Return: _return,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
}


def invoke(frame: Frame, function: Function, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    """Run a function of the package on abstract arguments, as deep and as often as the budget allows."""
    machine: Machine = frame.machine
    key = (
        function.id,
        frame.reach,
        frame.silent > 0,
        frame.endless > 0,
        tuple(arguments),
        tuple(sorted(keywords.items())),
    )
    if key in machine.memo:
        return machine.memo[key]
    visits = machine.visits.get((function.id, frame.reach), 0)
    if frame.depth >= DEPTH_LIMIT or visits >= VISIT_LIMIT * 4 or not machine.spend():
        return EMPTY
    machine.visits[function.id, frame.reach] = visits + 1
    machine.memo[key] = EMPTY
    label = function.id.partition(":")[2]
    scope = Scope(binding.parameters(function.node.args, arguments, keywords), function.outer)
    inner = Frame(machine, function.module, scope, frame.reach, label, frame.depth + 1, frame.hidden, "")
    inner.silent, inner.endless = frame.silent, frame.endless
    _defaults(inner, function, arguments, keywords)
    for name in [name for name, value in scope.names.items() if _unsaid(value) and handed(name)]:
        scope.names[name] = Value(handed(name))
    if scope.names.get("request") == EMPTY:
        scope.names["request"] = Value(name="flask.request")
    if isinstance(function.node, ast.Lambda):
        inner.result = evaluate(inner, function.node.body)
    else:
        execute(inner, function.node.body)
    machine.memo[key] = inner.result
    return inner.result


def _unsaid(value: Value) -> bool:
    """Is nothing known of a parameter, or only a default that says nothing?"""
    return not value.tags and not value.text and not value.name and not value.items


def _defaults(frame: Frame, function: Function, arguments: list[Value], keywords: dict[str, Value]) -> None:
    """Parameters that were not passed have their default, `self` an object of the class."""
    node = function.node.args
    names = [*node.posonlyargs, *node.args]
    for place, default in zip(range(len(names) - len(node.defaults), len(names)), node.defaults, strict=True):
        if place >= len(arguments) and names[place].arg not in keywords:
            frame.scope.names[names[place].arg] = evaluate(frame, default)
    for parameter, keyword_default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
        if parameter.arg not in keywords and keyword_default is not None:
            frame.scope.names[parameter.arg] = evaluate(frame, keyword_default)
    if function.owner and not arguments and names:
        frame.scope.names[names[0].arg] = Value(name=f"{function.owner}()")
