"""What comes back from code that is not the package's: values by what went in and by what the callee is known to do."""

from __future__ import annotations

import posixpath
import re

from pumpkin.analysis.flow import HINT_LIMIT, UNKNOWN, Sink, Tag, Value, approximate, literal
from pumpkin.analysis.places import A_TEMPORARY, CLOUD_SECRETS, DATA_FILE, FETCHERS, SECRET_COMMANDS, SECRETS, facts
from pumpkin.analysis.python import folding
from pumpkin.analysis.python.acts import READERS, texts
from pumpkin.analysis.python.clients import sink_of, source_of

_PATHS = frozenset({"os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.Path().joinpath"})
_LISTERS = frozenset({"os.walk", "os.listdir", "glob.glob", "glob.iglob", "os.scandir"})
_SEALERS = re.compile(r"(?:^|\.)(?:Fernet|AES|ChaCha20|Salsa20|SecretBox|PKCS1_OAEP|ARC4|Blowfish|DES3?)\b")
_REACHES = re.compile(
    r"^(?:http\.client\.HTTPS?Connection|httplib\.HTTPS?Connection|socket\.create_connection|ftplib\.FTP\w*|smtplib\.SMTP\w*)$"
)
"""What is made with the host it will talk to."""


def result(
    callee: Value,
    receiver: Value,
    attr: str,
    arguments: list[Value],
    tags: frozenset[Tag],
    keywords: dict[str, Value] | None = None,
) -> Value:
    """What comes back from code that is not ours: the tags of what went in, and the source's own."""
    name = callee.name
    if name == "socket.socket().accept":
        return Value(items=(Value(frozenset({Tag.NET}), name="socket.socket()"), Value()))
    if name in ("pkgutil.get_data", "importlib.resources.read_text", "importlib.resources.read_binary") or (
        attr in ("read_text", "read_bytes") and DATA_FILE.search(receiver.text[-12:]) is not None
    ):
        tags |= {Tag.DATA}
    if sink_of(name) is Sink.SPAWN:
        tags |= facts(approximate(arguments, " "))
    if sink_of(name) is Sink.SPAWN and FETCHERS.search(approximate(arguments, " ")):
        tags |= {Tag.NET}
    if sink_of(name) is Sink.SPAWN and SECRET_COMMANDS.search(approximate(arguments, " ")):
        tags |= {Tag.SECRET}
    if attr in ("translate", "tobytes", "to_bytes"):
        tags |= {Tag.CHARS}
    if name.endswith(".Request") and arguments:
        return Value(tags, hint=texts(arguments, {}), name=f"{name}()")
    source = source_of(name)
    if attr in ("encrypt", "encrypt_and_digest", "seal") and _SEALERS.search(receiver.name):
        tags |= {Tag.SEALED}
    if source is not None:
        tags |= {source}
        if source is Tag.NET and CLOUD_SECRETS.search(" ".join(argument.text for argument in arguments)):
            tags |= {Tag.SECRET}
    elif attr == "decrypt" or (attr in ("decompress", "unhexlify") and receiver.name):
        tags |= {Tag.DECODE}
    const = folding.decoded(name, arguments)
    if const is None and attr:
        const = folding.method(receiver, attr, arguments)
    if const is not None:
        return Value(tags | literal(const).tags, const)
    hint = ""
    if name in _PATHS or (attr == "joinpath" and receiver.text):
        parts = [receiver, *arguments] if attr == "joinpath" else arguments
        hint = approximate(parts, "/") if parts else ""
        name = "pathlib.Path" if name != "os.path.join" else ""
    elif (
        name in ("os.path.expanduser", "os.path.abspath", "builtins.str", "os.fspath", "os.path.realpath") and arguments
    ):
        hint, name = arguments[0].text, ""
    elif name == "os.path.dirname" and arguments:
        hint, name = posixpath.dirname(arguments[0].text), ""
    elif name == "importlib.resources.files":
        hint, name = f"./{arguments[0].text if arguments else UNKNOWN}", "pathlib.Path"
    elif attr in ("with_name", "with_suffix") and receiver.name.startswith("pathlib.") and arguments:
        folder = posixpath.dirname(receiver.text) if attr == "with_name" else posixpath.splitext(receiver.text)[0]
        hint, name = folder + ("/" if attr == "with_name" else "") + arguments[0].text, "pathlib.Path"
    elif name in ("pathlib.Path.home", "os.path.expanduser"):
        hint, name = "~", "pathlib.Path"
    elif name == "tempfile.mkstemp":
        return Value(items=(Value(hint=A_TEMPORARY, name="tempfile.fd"), Value(hint=A_TEMPORARY)))
    elif name in ("tempfile.gettempdir", "tempfile.mkdtemp", "tempfile.mktemp"):
        return Value(tags, hint="/tmp" if name == "tempfile.gettempdir" else A_TEMPORARY)  # noqa: S108
    elif attr in (
        "join",
        "format",
        "replace",
        "strip",
        "encode",
        "expanduser",
        "resolve",
        "absolute",
        "lower",
        "decode",
    ):
        hint = _text_method(receiver, attr, arguments, keywords or {})
        name = "pathlib.Path" if receiver.name == "pathlib.Path()" else ""
    elif name in _LISTERS and arguments:
        return _listed(name, arguments[0], tags)
    elif attr in ("glob", "rglob", "iterdir") and (receiver.text or receiver.name.startswith("pathlib.")):
        last = arguments[0].text if arguments and attr != "iterdir" else UNKNOWN
        below = _secret(Value(tags | {Tag.LISTED}, hint=f"{receiver.text or '.'}/{last}", name="pathlib.Path()"))
        return Value(below.tags, items=(below,))
    elif name in (
        "site.getsitepackages",
        "site.getusersitepackages",
        "sysconfig.get_path",
        "sysconfig.get_paths",
        "distutils.sysconfig.get_python_lib",
    ):
        return Value(tags, items=(Value(tags, hint="site-packages"),), hint="site-packages")
    elif name == "asyncio.open_connection":
        return Value(
            items=(Value(name="asyncio.reader"), Value(hint=approximate(arguments, ":"), name="asyncio.writer"))
        )
    elif attr in READERS or (attr == "join" and arguments):
        name = ""
    if hint and len(hint) < 300 and SECRETS.search(hint):
        tags |= {Tag.SECRET}
    if sink_of(name) is Sink.SPAWN and not hint:
        hint = approximate(arguments, " ")
    if not hint and name and _REACHES.search(name):
        hint = approximate(arguments[:2], " ")[:300]
    return Value(tags, hint=hint, name=f"{name}()"[:200] if name else "")


def _listed(name: str, place: Value, tags: frozenset[Tag]) -> Value:
    """What walking or listing a folder gives: paths below it of which only the beginning is known."""
    tags |= {Tag.LISTED}
    below, unknown = Value(tags, hint=f"{place.text or UNKNOWN}/{UNKNOWN}"), Value(tags, hint=UNKNOWN)
    if name == "os.walk":
        inside = Value(tags, items=(unknown,))
        return Value(tags, items=(Value(tags, items=(below, inside, inside)),))
    if name.startswith("glob."):
        return Value(tags, items=(_secret(Value(tags, hint=place.text or UNKNOWN)),))
    return Value(tags, items=(below if name == "os.scandir" else unknown,))


def _secret(path: Value) -> Value:
    return path.with_tags(Tag.SECRET) if SECRETS.search(path.text[:300]) else path


def _text_method(receiver: Value, attr: str, arguments: list[Value], keywords: dict[str, Value]) -> str:
    if attr == "join" and arguments and arguments[0].items is not None:
        return approximate(list(arguments[0].items), receiver.text)
    if attr == "format":
        text = receiver.text
        for place, argument in enumerate(arguments):
            text = text.replace("{}", argument.text or UNKNOWN, 1).replace(f"{{{place}}}", argument.text or UNKNOWN)
        for key, value in keywords.items():
            text = text.replace(f"{{{key}}}", value.text or UNKNOWN)
        return text[:HINT_LIMIT]
    return receiver.text
