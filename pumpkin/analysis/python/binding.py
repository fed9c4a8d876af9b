"""Names being bound: by assignment, unpacking, loops and parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from pumpkin.analysis.flow import ALTERNATIVE, EMPTY, UNKNOWN, Sink, Tag, Value, merged, union
from pumpkin.analysis.python.knowledge import HOOKED
from pumpkin.analysis.python.state import Frame, Function

_PROXIES = re.compile(
    r"(?:(?:HTTPS?|ALL|SOCKS)_PROXY|PIP_(?:EXTRA_)?INDEX_URL|UV_(?:DEFAULT_|EXTRA_)?INDEX_URL|npm_config_registry|GOPROXY)$",
    re.IGNORECASE,
)


def assign(
    frame: Frame, target: ast.expr, value: Value, evaluate: Callable[[Frame, ast.AST], Value] | None = None
) -> None:
    """Bind the target; `self.x = v` is remembered for all objects of the class, a subscript taints its container."""
    if isinstance(target, ast.Name):
        frame.scope.bind(target.id, value)
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(frame, target, value)
    elif isinstance(target, ast.Starred):
        assign(frame, target.value, Value(value.tags))
    elif isinstance(target, ast.Attribute) and evaluate is not None and _hooks(frame, target, value, evaluate):
        return
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        holder = frame.scope.find(target.value.id) or EMPTY
        owner = holder.name.removesuffix("()")
        if owner in frame.machine.classes:
            key = f"{owner}.{target.attr}"
            before = frame.machine.attributes.get(key)
            frame.machine.attributes[key] = merged(before, value) if before else value
        elif value.tags:
            frame.scope.bind(target.value.id, holder.with_tags(*value.tags))
    elif isinstance(target, ast.Subscript) and evaluate is not None and _preloads(frame, target, value, evaluate):
        return
    elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        holder = frame.scope.find(target.value.id) or EMPTY
        _kept(frame, target, holder, value)
        if value.tags - holder.tags:
            frame.scope.bind(target.value.id, holder.with_tags(*value.tags))
    elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute) and evaluate is not None:
        holder = evaluate(frame, target.value)
        _kept(frame, target, holder, value)
        if value.tags - holder.tags:
            assign(frame, target.value, holder.with_tags(*value.tags), evaluate)


def _kept(frame: Frame, target: ast.Subscript, holder: Value, value: Value) -> None:
    """`table[key] = value` with a constant key is found again under it."""
    table = frame.machine.tables.get(holder.name)
    if table is not None and isinstance(target.slice, ast.Constant) and len(table) < 1024:
        before = table.get(target.slice.value)
        table[target.slice.value] = merged(before, value) if before is not None else value


def _hooks(frame: Frame, target: ast.Attribute, value: Value, evaluate: Callable[[Frame, ast.AST], Value]) -> bool:
    """`getpass.getpass = mine`: told, since what was there before is now in somebody's hands."""
    return assign_attribute(frame, target, evaluate(frame, target.value), target.attr, value)


def assign_attribute(frame: Frame, node: ast.AST, holder: Value, attr: str, value: Value) -> bool:
    """An attribute of somebody else's module, class or function replaced (also by setattr): True when it is one that
    code hooks."""
    from pumpkin.analysis.python.objects import run_object

    if attr == "__class__" and holder.name in frame.machine.modules:
        run_object(frame, [value])
        return True
    name = f"{holder.name}.{attr.partition(ALTERNATIVE)[0].replace(UNKNOWN, 'attribute')}"
    own = frame.machine.functions.get(value.name)
    foreign = own is not None and "." in name and not _ours(frame, holder.name)
    maker = own is not None and attr in ("__init__", "__new__") and holder.name in frame.machine.classes
    if not HOOKED.match(name) and not foreign and not maker:
        return False
    frame.emit(Sink.HOOK, name, value, _said(own) if own is not None else "", node)
    if own is not None:
        handed = [Value(frozenset({Tag.HANDED}))] * len([*own.node.args.posonlyargs, *own.node.args.args])
        frame.machine.invoke(frame, own, handed, {})
    run_object(frame, [value])
    return True


def _said(own: Function) -> str:
    """The words of a function: constants in it, and those of the module that it names."""
    found: list[str] = []
    for one in ast.walk(own.node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and " " not in one.value:
            found.append(one.value)
        elif isinstance(one, ast.Name):
            known = own.outer.find(one.id)
            if known is not None and isinstance(known.const, str) and len(known.const) < 200:
                found.append(known.const)
    return " ".join(dict.fromkeys(found))[:1000]


def _ours(frame: Frame, name: str) -> bool:
    """Does the name lie in the package itself, or is nothing known of it?"""
    root = name.partition(".")[0]
    inside = any(one.partition(".")[0] == root for one in frame.machine.modules)
    return not root or inside or ":" in name or name.startswith("table") or "()" in name


def _preloads(frame: Frame, target: ast.Subscript, value: Value, evaluate: Callable[[Frame, ast.AST], Value]) -> bool:
    """`os.environ["LD_PRELOAD"] = path`: what every program started later loads."""
    if not isinstance(target.value, ast.Attribute):
        return False
    holder = evaluate(frame, target.value).name
    if holder == "sys.modules":
        key = evaluate(frame, target.slice).const
        if isinstance(key, str) and key and value.name and key.partition(".")[0] not in frame.module.name.split("."):
            own = ("own",) if value.name in frame.machine.modules else ()
            frame.emit(Sink.HOOK, f"sys.modules[{key}]", value, "", target, *own)
        return True
    if holder != "os.environ":
        return False
    name = evaluate(frame, target.slice).const
    if name == "PYTHONHTTPSVERIFY" and value.text == "0":
        frame.emit(Sink.HOOK, f"environment.{name}", value, value.text, target)
    if isinstance(name, str) and _PROXIES.match(name) and value.text:
        frame.emit(Sink.HOOK, f"environment.{name}", value, value.text, target)
    if name in ("LD_PRELOAD", "PYTHONSTARTUP", "NODE_OPTIONS", "DYLD_INSERT_LIBRARIES") and value.text:
        frame.emit(Sink.HOOK, f"environment.{name}", value, value.text, target)
    return True


def _unpack(frame: Frame, target: ast.Tuple | ast.List, value: Value) -> None:
    items = value.items
    for place, part in enumerate(target.elts):
        if items is not None and len(items) == len(target.elts):
            assign(frame, part, items[place])
        else:
            assign(frame, part, Value(union(value, *(items or ()))))


def parameters(node: ast.arguments, arguments: list[Value], keywords: dict[str, Value]) -> dict[str, Value]:
    """Each parameter's value by what was passed; what was not passed is EMPTY (defaults are bound by the caller)."""
    names = [*node.posonlyargs, *node.args]
    bound = {parameter.arg: EMPTY for parameter in (*names, *node.kwonlyargs)}
    for parameter, value in zip(names, arguments, strict=False):
        bound[parameter.arg] = value
    rest = arguments[len(names) :]
    if node.vararg:
        bound[node.vararg.arg] = Value(union(*rest) if rest else frozenset(), items=tuple(rest))
    extra = [value for name, value in keywords.items() if name not in bound]
    bound |= {name: value for name, value in keywords.items() if name in bound}
    if node.kwarg:
        bound[node.kwarg.arg] = Value(union(*extra) if extra else frozenset())
    return bound
