"""Expressions to abstract values: constants folded, names followed through imports, attributes and tricks."""

from __future__ import annotations

import ast
import builtins
import posixpath
import re
from collections.abc import Callable, Iterable
from typing import Any

from pumpkin.analysis.flow import EMPTY, HINT_LIMIT, Tag, Value, approximate, element_of, literal, merged, union
from pumpkin.analysis.places import A_TEMPORARY, environment, names_secret
from pumpkin.analysis.python import calls, folding, objects
from pumpkin.analysis.python.binding import assign
from pumpkin.analysis.python.clients import sink_of
from pumpkin.analysis.python.knowledge import ALIASES
from pumpkin.analysis.python.state import Frame, Function, Scope

_BUILTINS = frozenset(dir(builtins))
_NAME_LIMIT = 200
_WEB = frozenset(
    ["args", "form", "json", "data", "values", "cookies", "headers", "files", "get_json", "get_data", "query",
     "query_params", "body", "POST", "GET", "COOKIES", "META", "params", "query_string", "stream", "raw"]
)  # fmt: skip
_SETTING = re.compile(r"(?:^|[._])(?:settings|config|conf|current_app)$")
_SETTINGS = frozenset({"SECRET_KEY", "DATABASES", "SQLALCHEMY_DATABASE_URI", "JWT_SECRET_KEY", "EMAIL_HOST_PASSWORD"})
"""What an application keeps to itself."""

_OF_LIBRARY = re.compile(
    r"^(?:http\.client\.HTTPS?Connection|socket\.socket|requests\.(?:Session|sessions)|urllib\.request|smtplib|ftplib)\b"
)
_FILLED = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?[sdrxaif]")
_ASKED = frozenset({"rfile", "request", "connection", "headers", "path"})


def evaluate(frame: Frame, node: ast.AST | None) -> Value:
    """The value of an expression; EMPTY for what is not understood or when the budget is gone."""
    if node is None or not frame.machine.spend():
        return EMPTY
    rule = _RULES.get(type(node))
    return rule(frame, node) if rule else _children(frame, node)


def _children(frame: Frame, node: ast.AST) -> Value:
    values = [evaluate(frame, child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return Value(union(*values)) if values else EMPTY


def _constant(_frame: Frame, node: ast.Constant) -> Value:
    if isinstance(node.value, bool) or not isinstance(node.value, str | bytes | int):
        return EMPTY
    value = literal(node.value)
    return value.with_tags(Tag.SECRET) if isinstance(node.value, str) and names_secret(node.value) else value


def _name(frame: Frame, node: ast.Name) -> Value:
    found = frame.scope.find(node.id)
    if found is not None:
        return found
    if node.id == "__file__":
        return Value(hint=f"./{frame.module.file}")
    if node.id == "__doc__" and (text := ast.get_docstring(frame.module.tree, clean=False)) is not None:
        return literal(text)
    if node.id == "__name__":
        return Value(const=frame.module.name)
    if node.id in _BUILTINS or node.id == "__builtins__":
        return Value(name=canonical(f"builtins.{node.id}" if node.id != "__builtins__" else "builtins"))
    return EMPTY


def canonical(name: str) -> str:
    """One name for what has several: `__builtin__.exec` and `builtins.exec`."""
    if name in ALIASES:
        return ALIASES[name]
    head, dot, tail = name.rpartition(".")
    if dot and head in ALIASES:
        return f"{ALIASES[head]}.{tail}"
    first, dot, rest = name.partition(".")
    return f"{ALIASES[first]}.{rest}" if dot and first in ALIASES else name


def attribute(frame: Frame, base: Value, name: str) -> Value:
    """`base.name`: a module's or class's own, a variable of an object, else a dotted name."""
    machine = frame.machine
    if name in ("__dict__", "__call__", "__func__", "__wrapped__"):
        return base
    if base.name.endswith("()") and (owner := base.name[:-2]) in machine.classes:
        stored = machine.attributes.get(f"{owner}.{name}")
        found = machine.method(owner, name)
        if found is not None and found.name in machine.properties and found.name in machine.functions:
            return machine.invoke(frame, machine.functions[found.name], [Value(name=base.name)], {})
        if found is not None:
            return merged(stored, found) if stored else found
        if name in _ASKED and any("andler" in one for one in machine.bases.get(owner, ())):
            return Value(base.tags | {Tag.NET, Tag.VISITOR}, name=f"{base.name}.{name}"[:_NAME_LIMIT])
        foreign = next((one for one in machine.bases.get(owner, ()) if _OF_LIBRARY.match(one)), "")
        return stored or Value(base.tags, name=f"{f'{foreign}()' if foreign else base.name}.{name}"[:_NAME_LIMIT])
    if base.name in machine.classes:
        return machine.method(base.name, name) or Value(base.tags)
    if base.name.startswith("pathlib.") and name in ("parent", "parents"):
        return Value(base.tags, hint=posixpath.dirname(base.text), name="pathlib.Path()")
    if base.name and (module := machine.load(frame, base.name)) is not None:
        if name in module.names:
            return module.names[name]
        if name == "__builtins__":
            return Value(name="builtins")
        if f"{base.name}.{name}" in machine.modules:
            return Value(name=f"{base.name}.{name}")
    if not base.name:
        return base if name == "path" and Tag.LISTED in base.tags else Value(base.tags)
    full = canonical(f"{base.name}.{name}")[:_NAME_LIMIT]
    if name in _SETTINGS and _SETTING.search(base.name):
        return Value(base.tags | {Tag.CREDENTIAL}, name=full)
    visitor = (full.startswith(("flask.request.", "bottle.request.")) and name in _WEB) or (
        name in ("rfile", "headers") and "andler()" in full
    )
    return Value(base.tags | {Tag.NET, Tag.VISITOR} if visitor else base.tags, name=full)


def _attribute(frame: Frame, node: ast.Attribute) -> Value:
    return _looked_up(frame, evaluate(frame, node.value), node.attr)


def _looked_up(frame: Frame, base: Value, name: str) -> Value:
    found = attribute(frame, base, name)
    if name == "__file__" and base.name and base.name not in frame.machine.modules:
        return Value(hint=f"site-packages/{base.name.replace('.', '/')}.py")
    if found.name == "tempfile.NamedTemporaryFile().name":
        return Value(hint=A_TEMPORARY)
    return known_name(found)


def known_name(found: Value) -> Value:
    """What is known of a name of the library that is no function: the environment, the interpreter."""
    if found.name in ("os.environ", "os.environb"):
        return Value(frozenset({Tag.ENV_ALL}), name="os.environ")
    if found.name in ("sys.argv", "os.sep", "os.linesep"):
        return Value(name=found.name, hint="/" if found.name == "os.sep" else "")
    if found.name == "sys.executable":
        return Value(name=found.name, hint="python")
    return found


def _subscript(frame: Frame, node: ast.Subscript) -> Value:
    base, key = evaluate(frame, node.value), evaluate(frame, node.slice)
    if base.name == "os.environ":
        return environment(key.const)
    if isinstance(node.slice, ast.Slice):
        return _slice(frame, base, node.slice)
    if base.name in frame.machine.tables and key.const in frame.machine.tables[base.name]:
        return frame.machine.tables[base.name][key.const]
    if isinstance(key.const, int) and base.items is not None and -len(base.items) <= key.const < len(base.items):
        one = base.items[key.const]
        return one.with_tags(Tag.LITERAL) if Tag.LITERAL in base.tags - one.tags and one.items is None else one
    if isinstance(key.const, int) and isinstance(base.const, str) and -len(base.const) <= key.const < len(base.const):
        return Value(base.tags, base.const[key.const])
    if (
        isinstance(key.const, str)
        and base.name
        and not base.name.startswith("table:")
        and base.name not in ("sys.modules",)
    ):
        return attribute(frame, base, key.const)
    if isinstance(key.const, str) and base.name == "sys.modules":
        return Value(name=canonical(key.const))
    if base.items is not None:
        one = element_of(base)
        return Value(union(base, *base.items), one.const, one.hint, _likely_name(base.items), one.items)
    if base.name.removesuffix("()") in frame.machine.classes:
        return objects.method(frame, base.name, "__getitem__", [key]) or Value(base.tags | key.tags)
    return Value(base.tags | key.tags)


def _likely_name(items: Iterable[Value]) -> str:
    """What any one of several names: the only one, or the one among them that acts."""
    names = sorted({item.name for item in items if item.name})
    acting = [name for name in names if sink_of(name) is not None]
    return names[0] if len(names) == 1 else acting[0] if acting else ""


def _slice(frame: Frame, base: Value, node: ast.Slice) -> Value:
    bounds = [evaluate(frame, part).const if part is not None else None for part in (node.lower, node.upper, node.step)]
    negative = isinstance(node.step, ast.UnaryOp) and isinstance(node.step.op, ast.USub)
    if negative and node.lower is None and node.upper is None and isinstance(base.const, str | bytes):
        return Value(base.tags | {Tag.CHARS}, base.const[::-1])
    known = all(part is None or isinstance(value, int) for part, value in zip(_parts(node), bounds, strict=True))
    cut = slice(*(value if isinstance(value, int) else None for value in bounds))
    if known and isinstance(base.const, str | bytes) and cut.step != 0:
        strided = {Tag.CHARS} if cut.step not in (None, 1) else set()
        return Value(base.tags | strided, base.const[cut])
    if known and base.items is not None and cut.step != 0:
        return Value(base.tags, items=base.items[cut])
    return Value(base.tags)


def _parts(node: ast.Slice) -> tuple[ast.expr | None, ...]:
    return node.lower, node.upper, node.step


def _binary(frame: Frame, node: ast.BinOp) -> Value:
    left, right = evaluate(frame, node.left), evaluate(frame, node.right)
    tags = left.tags | right.tags | union(*(right.items or ()))
    if isinstance(node.op, ast.BitXor):
        tags |= {Tag.CHARS}
    const = folding.operated(node.op, left, right)
    if const is not None:
        return Value(tags | literal(const).tags, const)
    if isinstance(node.op, ast.BitOr) and right.name.endswith("PROT_EXEC"):
        return Value(tags, name=right.name)
    if isinstance(node.op, ast.BitOr) and left.name.endswith("PROT_EXEC"):
        return Value(tags, name=left.name)
    if isinstance(node.op, ast.Add) and left.items is not None and right.items is not None:
        return Value(tags, items=(left.items + right.items)[:4096])
    if isinstance(node.op, ast.Add):
        return _textual(tags, approximate([left, right]))
    if isinstance(node.op, ast.Div) and left.name.startswith("pathlib."):
        return _textual(tags, approximate([left, right], "/"), "pathlib.Path()")
    if isinstance(node.op, ast.Mod) and isinstance(left.const, str):
        filled = left.const
        table = frame.machine.tables.get(right.name, {})
        for key, value in list(table.items())[:50]:
            filled = filled.replace(f"%({key})s", value.text or "\ufffc")
        for value in right.items if right.items is not None and not table else (right,):
            filled = _FILLED.sub(lambda _, text=value.text: text or "\ufffc", filled, count=1)  # type: ignore[misc]
        return _textual(tags, filled)
    return Value(tags)


def _textual(tags: frozenset[Tag], hint: str, name: str = "") -> Value:
    return Value(tags | {Tag.SECRET} if names_secret(hint) else tags, hint=hint[:HINT_LIMIT], name=name)


def _formatted(frame: Frame, node: ast.JoinedStr) -> Value:
    parts = [evaluate(frame, part.value if isinstance(part, ast.FormattedValue) else part) for part in node.values]
    if all(isinstance(part.const, str) for part in parts):
        return Value(union(*parts), "".join(str(part.const) for part in parts))
    return _textual(union(*parts), approximate(parts))


def _sequence(frame: Frame, node: ast.List | ast.Tuple | ast.Set) -> Value:
    if len(node.elts) > 64 and all(isinstance(part, ast.Constant) for part in node.elts):
        return _table(node)
    items: list[Value] = []
    for element in node.elts[:2048]:
        value = evaluate(frame, element.value if isinstance(element, ast.Starred) else element)
        items += list(value.items or ()) if isinstance(element, ast.Starred) and value.items else [value]
    return Value(union(*items) if items else frozenset(), items=tuple(items))


def _table(node: ast.List | ast.Tuple | ast.Set) -> Value:
    """A long list of constants; of numbers it may be code that was hidden."""
    constants = [part.value for part in node.elts if isinstance(part, ast.Constant)]
    numbers = all(isinstance(c, int) and not isinstance(c, bool) and 0 <= c < 1 << 21 for c in constants)
    tags = frozenset({Tag.LITERAL}) if numbers else frozenset()
    return Value(tags, items=tuple(Value(tags, c) for c in constants[:65536] if isinstance(c, int | str | bytes)))


def _dictionary(frame: Frame, node: ast.Dict) -> Value:
    items = [evaluate(frame, value) for value in node.values[:1024]]
    keys = [evaluate(frame, key) for key in node.keys[:1024]]
    name = f"table:{frame.module.name}:{node.lineno}.{node.col_offset}.{frame.hidden}"
    frame.machine.tables[name] = {
        key.const: value for key, value in zip(keys, items, strict=True) if key.const is not None
    }
    return Value(union(*items) if items else frozenset(), name=name, items=tuple(items))


def _comprehension(frame: Frame, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
    inner = Frame(frame.machine, frame.module, Scope({}, frame.scope), frame.reach, frame.label, frame.depth,
                  frame.hidden, frame.owner)  # fmt: skip
    unrolled = _unrolled(inner, node)
    if unrolled is not None:
        return unrolled
    for generator in node.generators:
        assign(inner, generator.target, element_of(evaluate(inner, generator.iter)))
        for condition in generator.ifs:
            evaluate(inner, condition)
    if isinstance(node, ast.DictComp):
        return Value(union(evaluate(inner, node.key), evaluate(inner, node.value)))
    result = evaluate(inner, node.elt)
    items = (result,) if result.text and not isinstance(node, ast.SetComp) else None
    return Value(result.tags, name=result.name, items=items)


def _unrolled(inner: Frame, node: ast.AST) -> Value | None:
    """`[chr(c ^ 7) for c in [...]]` over constants, one by one; None when it is not of that kind."""
    if not isinstance(node, ast.ListComp | ast.GeneratorExp) or len(node.generators) != 1 or node.generators[0].ifs:
        return None
    generator = node.generators[0]
    source = evaluate(inner, generator.iter)
    parts = source.items
    if (parts is None and isinstance(source.const, str)) or (parts is None and isinstance(source.const, bytes)):
        parts = tuple(Value(source.tags | {Tag.CHARS}, c) for c in source.const)
    if not parts or len(parts) > 4096:
        return None
    results = []
    for part in parts:
        assign(inner, generator.target, part)
        result = evaluate(inner, node.elt)
        if result.const is None and not result.tags:
            return None
        results.append(result)
    return Value(union(*results), items=tuple(results))


def _call(frame: Frame, node: ast.Call) -> Value:
    receiver = EMPTY
    if isinstance(node.func, ast.Attribute):
        receiver = evaluate(frame, node.func.value)
        callee = _looked_up(frame, receiver, node.func.attr)
    else:
        callee = evaluate(frame, node.func)
    arguments: list[Value] = []
    for part in node.args:
        value = evaluate(frame, part.value if isinstance(part, ast.Starred) else part)
        arguments += list(value.items or (value,)) if isinstance(part, ast.Starred) else [value]
    keywords = {keyword.arg or "**": evaluate(frame, keyword.value) for keyword in node.keywords}
    attr = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    return calls.call(frame, node, callee, receiver, attr, arguments, keywords)


def _lambda(frame: Frame, node: ast.Lambda) -> Value:
    identity = f"{frame.module.name}:lambda@{node.lineno}.{node.col_offset}.{frame.hidden}"
    frame.machine.functions[identity] = Function(identity, node, frame.module, frame.scope, frame.owner)
    return Value(name=identity)


def _either(frame: Frame, node: ast.IfExp) -> Value:
    evaluate(frame, node.test)
    return merged(evaluate(frame, node.orelse), evaluate(frame, node.body))


def _boolean(frame: Frame, node: ast.BoolOp) -> Value:
    values = [evaluate(frame, part) for part in node.values]
    named = next((value for value in values if value.name or value.text), values[-1])
    return Value(union(*values), named.const, named.hint, named.name, named.items)


def _walrus(frame: Frame, node: ast.NamedExpr) -> Value:
    value = evaluate(frame, node.value)
    frame.scope.bind(node.target.id, value)
    return value


def _inner(frame: Frame, node: ast.Await | ast.Starred | ast.FormattedValue) -> Value:
    return evaluate(frame, node.value)


def _yield_from(frame: Frame, node: ast.YieldFrom) -> Value:
    value = evaluate(frame, node.value)
    frame.result = merged(frame.result, value) if frame.result != EMPTY else value
    return value


def _yield(frame: Frame, node: ast.Yield) -> Value:
    value = evaluate(frame, node.value)
    given = Value(value.tags, name=value.name, items=(value,))
    frame.result = merged(frame.result, given) if frame.result != EMPTY else given
    return EMPTY


def _unary(frame: Frame, node: ast.UnaryOp) -> Value:
    value = evaluate(frame, node.operand)
    if isinstance(node.op, ast.USub) and isinstance(value.const, int):
        return Value(value.tags, -value.const)
    return Value(value.tags)


_RULES: dict[type[ast.AST], Callable[[Frame, Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.JoinedStr: _formatted,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dictionary,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Call: _call,
    ast.Lambda: _lambda,
    ast.IfExp: _either,
    ast.BoolOp: _boolean,
    ast.NamedExpr: _walrus,
    ast.Await: _inner,
    ast.Starred: _inner,
    ast.FormattedValue: _inner,
    ast.YieldFrom: _yield_from,
    ast.Yield: _yield,
}
