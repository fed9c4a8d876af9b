"""Objects of the package's classes, and functions handed to others: who calls what, and when."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from pumpkin.analysis.flow import EMPTY, Sink, Tag, Value, union
from pumpkin.analysis.python.knowledge import SETUP_COMMANDS
from pumpkin.analysis.python.state import Frame, Function

_REGISTERED = re.compile(
    r"(?:^|[._])(?:register\w*|connect|subscribe|on|on_\w+|add_\w*(?:hook|handler|listener|callback|observer)\w*"
    r"|addHandler|before_\w+|after_\w+|set_\w*hook|listens_for)$"
)
_KEEPERS = re.compile(
    r"(?:builtins\.(?:callable|isinstance|hasattr|issubclass|id|repr|type|str|hash|super|len|print|setattr|staticmethod)"
    r"|functools\.(?!reduce|partial$)|typing\.|types\.|inspect\.|abc\.|contextlib\.|weakref\.|dataclasses\.|wrapt\.)"
)
"""Calls that take functions and keep them, without calling them."""

_OFFERED = re.compile(
    r"(?:^|\.)(?:add_(?:command|argument|url_rule|route|api_route|parser|subparsers|typer|view|cmd)|set_defaults|command|group|option"
    r"|argument|task|fixture|parametrize|validator|field|Field|route|include_router|register_blueprint|register_command"
    r"|implements|overload|property|setter|final|deprecated)$"
)
"""What offers functions to people: they run when somebody asks for them."""

_DRIVING = frozenset(
    ["request", "send", "get", "post", "connect", "open", "run", "serve_forever", "loop_forever", "handle_request",
     "main", "cmdloop", "mainloop", "feed", "visit"]
)  # fmt: skip
_SERVERS = re.compile(r"Server$|serve$|run_app$|create_server$")
_CHATS = re.compile(
    r"^(?:discord|nextcord|disnake|telebot|telegram|pyrogram|telethon|aiogram|slack_bolt|socketio|websockets?|paho|nats"
    r"|slixmpp|irc|zmq)\b"
)


def construct(frame: Frame, callee: Value, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    """An object of a class of the package: its __init__ runs (and run, for a thread)."""
    given = union(*arguments, *keywords.values()) if arguments or keywords else frozenset[Tag]()
    made = Value(given, name=f"{callee.name}()")
    for special in ("__new__", "__init__", "__post_init__"):
        method(frame, callee.name, special, arguments, keywords)
    _fields(frame, callee.name, arguments, keywords)
    return made


def _fields(frame: Frame, owner: str, arguments: list[Value], keywords: dict[str, Value]) -> None:
    """A dataclass's fields by what was passed, where it has no __init__ of its own."""
    held = frame.machine.classes.get(owner, {})
    if "__init__" in held:
        return
    for name, value in [*zip(held, arguments, strict=False), *keywords.items()]:
        if name in held and held[name].name not in frame.machine.functions:
            frame.machine.attributes[f"{owner}.{name}"] = value


def method(
    frame: Frame, owner: str, name: str, arguments: list[Value], keywords: dict[str, Value] | None = None
) -> Value | None:
    """What the method of a class of the package (or of its bases here) gives; None when it has none of that name."""
    found = frame.machine.method(owner.removesuffix("()"), name)
    own = frame.machine.functions.get(found.name) if found is not None else None
    if own is None:
        return None
    this = Value(name=f"{owner.removesuffix('()')}()")
    return frame.machine.invoke(frame, own, [this, *arguments], keywords or {})


def hand_over(frame: Frame, name: str, values: list[Value], given: list[Value], source: Tag | None = None) -> None:
    """Functions given to others (threads, hooks, atexit) will be called: as early as what they were given to, with
    what stands beside them (`given`), or with what the network said when it is a listener."""
    if _KEEPERS.match(name) or _OFFERED.search(name.removesuffix("()")):
        return
    if source is Tag.NET:
        given = [Value(frozenset({Tag.NET}))] * 3
    elif not given and _REGISTERED.search(name):
        given = [Value(frozenset({Tag.HANDED}))] * 3
    for value in values:
        for item in (value, *(value.items or ())[:32]):
            own = frame.machine.functions.get(item.name) if item.name else None
            if item.name in frame.machine.classes and _SERVERS.search(name):
                run_object(frame, [item])
            if own is not None:
                this = [Value(name=f"{own.owner}()")] if own.owner and given else []
                frame.machine.invoke(frame, own, [*this, *given][: _most(own)], {})


def decorated(frame: Frame, decorator: Value, wrapper: Function | None, value: Value) -> Value:
    """What a decorator of the package makes of a function; one of a chat's client hands it what people write."""
    if wrapper is not None:
        made = frame.machine.invoke(frame, wrapper, [value], {})
        return made if made.name in frame.machine.functions else value
    if _CHATS.match(decorator.name):
        hand_over(frame, decorator.name, [value], [], Tag.NET)
    elif _REGISTERED.search(decorator.name.removesuffix("()")):
        hand_over(frame, decorator.name.removesuffix("()"), [value], [])
    return value


def _most(own: Function) -> int:
    """How many arguments the function takes by position."""
    return len(own.node.args.posonlyargs) + len(own.node.args.args)


def install(frame: Frame, node: ast.Call, name: str, attr: str, values: list[Value]) -> None:
    """Objects put where Python calls them by itself (import hooks, log handlers): their methods run as early."""
    if not (
        attr == "addHandler" or name.startswith(("sys.meta_path.", "sys.path_hooks.", "sys.setprofile", "sys.settrace"))
    ):
        return
    if attr == "addHandler" and not any(value.name.removesuffix("()") in frame.machine.classes for value in values):
        return
    frame.emit(Sink.HOOK, name or attr, EMPTY, "", node)
    run_object(frame, values, [Value(frozenset({Tag.HANDED}))] * 4 if attr == "addHandler" else [])


def run_object(frame: Frame, values: list[Value], given: Sequence[Value] = ()) -> None:
    """All methods of objects of the package's classes: whoever holds them will call them, with what is `given`."""
    for value in values:
        owner = value.name.removesuffix("()")
        for held in list(frame.machine.classes.get(owner, {}).values()):
            own = frame.machine.functions.get(held.name)
            if own is not None:
                handed = given if value.name == owner or not held.name.endswith(".__init__") else []
                frame.machine.invoke(frame, own, [Value(name=f"{owner}()"), *handed][: max(_most(own), 1)], {})


def driven(frame: Frame, receiver: Value, attr: str) -> None:
    """An object of a class of the package whose base is another's is set going by the base's own method: that calls
    what the class has put in its place."""
    owner = receiver.name.removesuffix("()")
    bases = frame.machine.bases.get(owner, ())
    if attr in _DRIVING and bases and not all(base in frame.machine.classes for base in bases):
        run_object(frame, [receiver])


def set_up(frame: Frame, keywords: dict[str, Value]) -> None:
    """setup(cmdclass=...): the commands' methods run on installation."""
    for value in keywords.get("cmdclass", EMPTY).items or ():
        run_class(frame, value.name)


def run_class(frame: Frame, name: str) -> None:
    """Call what setuptools calls of a command class: its standard steps first, then all it adds."""
    held = frame.machine.classes.get(name, {})
    for special in dict.fromkeys(["__init__", "initialize_options", "finalize_options", "run", *held]):
        found = held.get(special)
        if found is not None and (own := frame.machine.functions.get(found.name)) is not None:
            frame.machine.invoke(frame, own, [Value(name=f"{name}()")], {})


def is_command(bases: list[str]) -> bool:
    """Is a class with these bases a command of setuptools?"""
    return any(base.rpartition(".")[2] in SETUP_COMMANDS for base in bases)
