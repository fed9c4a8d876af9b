"""Events of data flow to findings: what reached which sink, and when that code runs.

The same judge serves both languages. What runs on installation or import weighs most; what waits to be called weighs
one step less, because a library may do on request what it must not do unasked; tests and examples weigh two less.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

from pumpkin.analysis.flow import HOST, SPYING, Event, Reach, Sink, Tag
from pumpkin.analysis.places import (
    AUTOSTART,
    BUILD_TOOLS,
    DROP_POINTS,
    LOCAL_ADDRESS,
    OTHERS,
    RAW_ADDRESS,
    RUNNABLE,
    SECRETS,
    TEMPORARY,
    attack,
)
from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "static"
_ORDER = list(Level)
_EAGER = Reach.IMPORT
_HIDING = frozenset({Tag.DECODE, Tag.CHARS})
_DOWNLOADERS = re.compile(r"https?://|ftp://")
_PERSONAL = HOST | {Tag.CREDENTIAL, Tag.VISITOR, Tag.ENV_SECRET, Tag.CLIPBOARD, Tag.COMMAND, Tag.FILE}
_STEALABLE = frozenset({Tag.ENV_ALL, Tag.ENV_SECRET, Tag.SECRET})
_SENDERS = re.compile(r"\b(?:curl|wget|nc|ncat|scp|ftp|nslookup|dig)\b")
_FIXED_HOST = re.compile(
    r"(?:https?|wss?)://[\w.-]+\.\w{2,}|\b[\w-]+\.(?:com|net|org|io|dev|app|xyz|example|invalid|ru|cn|top|site|online|info|co|me|cc)\b"
)
_SENSITIVE_HOOK = re.compile(
    r"getpass|builtins\.input|sys\.|requests\.|urllib3|http\.client|^https?\.|Module\._load|paramiko|smtplib|SSLSocket|crypto|boto3"
)
_DESKTOP = re.compile(r"[/\\](?:Desktop|OneDrive|Escritorio|Schreibtisch)[/\\]", re.IGNORECASE)
_CLIMBS = re.compile(r"(?:\.\.[/\\]){2}")
_STRONG_MODULES = re.compile(r"(?:node:)?(?:child_process|subprocess|socket|ctypes|https?|net|vm)$")
_HIDDEN_FILE = re.compile(r"(?:^|[\s/\\])\.\w[\w.-]*(?:\s|$)")
_HOME_WIDE = re.compile(r"^(?:~|\$HOME|\$USERPROFILE|/home|/)(?:[/\\]*\ufffc)+$")
_WALLET_HOOK = re.compile(
    r"(?:ethereum|solana|tronWeb|phantom)\.|fromSecretKey|fromMnemonic|privateKeyToAccount|signTransaction"
)
_SHELL = re.compile(r"(?:^|[\s/\\])(?:ba|z|da)?sh\b|cmd\.exe|powershell", re.IGNORECASE)

_ON_REQUEST = frozenset(
    {
        "autostart-command",
        "defence-off",
        "run-downloaded",
        "inline-code",
        "installs-other",
        "publishes",
        "traffic-redirect",
        "container-escape",
        "own-library",
        "adds-account",
    }
)
"""Commands that a tool may well run for whoever asks it to."""

Rule = tuple[str, Level, str, str]


def judge(events: Iterable[Event]) -> list[Finding]:
    """One finding for what each event means, and for events that only mean something together."""
    listed = list(events)
    findings = [_finding(event, rule) for event in listed for rule in _RULES[event.sink](event)]
    return [*findings, *_together(listed)]


def _finding(event: Event, rule: Rule) -> Finding:
    name, level, tactic, reason = rule
    if event.reach is Reach.ASIDE:
        level = lowered(level, 2)
    quote = quoted(f"{event.name}({event.text})" if event.text else event.name)
    return Finding(
        TOOL, name, level, Group.FLOW, f"{reason}, {event.reach.words}", tactic, event.file, event.line, quote
    )


def lowered(level: Level, steps: int) -> Level:
    """`level` less `steps`, never below info."""
    return _ORDER[max(_ORDER.index(level) - steps, _ORDER.index(Level.INFO))]


def _by_reach(event: Event, eager: Level, steps: int = 1) -> Level:
    return eager if event.reach >= _EAGER else lowered(eager, steps)


def _exec(event: Event) -> list[Rule]:
    tags = event.tags
    if Tag.NET in tags:
        level = _by_reach(event, Level.CRITICAL, 1 if "bundle" in event.detail else 0)
        return [("flow-remote-code", level, "T1105", "runs code it got from the network")]
    if Tag.PIXELS in tags:
        return [("flow-picture-code", _by_reach(event, Level.CRITICAL), "T1027.003", "runs code hidden in a picture")]
    if Tag.DATA in tags and event.reach >= _EAGER:
        level = Level.CRITICAL if tags & _HIDING else Level.HIGH
        return [("flow-data-code", level, "T1027.009", "runs code kept in a file that is no code")]
    if Tag.LITERAL in tags and tags & _HIDING and not ("bundle" in event.detail and Tag.DECODE not in tags):
        level = _by_reach(event, Level.CRITICAL, 2 if event.file.endswith(("js", "jsx")) else 0)
        return [("flow-hidden-code", level, "T1027.010", "runs code hidden in a long literal")]
    if Tag.COMMAND in tags or Tag.CLIPBOARD in tags:
        return [("flow-outside-code", _by_reach(event, Level.HIGH), "T1059", "runs the output of a command as code")]
    if tags & {Tag.ENV, Tag.ENV_SECRET}:
        return [
            ("flow-environment-code", _by_reach(event, Level.MEDIUM), "T1059", "runs an environment variable as code")
        ]
    if Tag.DECODE in tags and event.reach is Reach.CALLED and event.file.endswith(".py"):
        return [("flow-decoded-code", Level.HIGH, "T1140", "runs decoded text as code")]
    if tags & _HIDING and event.reach >= _EAGER:
        bundled = event.file.endswith(("js", "jsx")) and Tag.DECODE not in tags and event.reach is not Reach.INSTALL
        level = Level.MEDIUM if bundled else Level.HIGH
        return [("flow-decoded-code", level, "T1140", "runs decoded text as code")]
    return []


def _spawn(event: Event) -> list[Rule]:
    tags, found = event.tags, []
    known = attack(event.text)
    if known is not None:
        level = _by_reach(event, known.level, 2 if known.rule in _ON_REQUEST else 1)
        found.append((f"flow-{known.rule}", level, known.tactic, f"a command {known.reason}"))
    if Tag.DROPPED in tags:
        found.append(
            ("flow-dropper", _by_reach(event, Level.CRITICAL, 2), "T1105", "runs a file it just fetched or unpacked")
        )
    elif Tag.LITERAL in tags and tags & _HIDING and Tag.NET not in tags:
        level = _by_reach(event, Level.CRITICAL, 2)
        found.append(("flow-hidden-command", level, "T1027.010", "runs a command hidden in a literal"))
    elif Tag.NET in tags:
        level = _by_reach(event, Level.CRITICAL, 1 if Tag.VISITOR in tags else 3)
        found.append(("flow-remote-command", level, "T1059", "runs a command made of what the network answered"))
    if not found and event.reach >= _EAGER:
        plain = BUILD_TOOLS.match(event.text) is not None or not event.text.strip("\ufffc \t")
        level = Level.INFO if plain else Level.MEDIUM if _SHELL.search(event.text) else Level.LOW
        found.append(("flow-spawn", level, "T1059", "starts a program"))
    if tags & _STEALABLE and _SENDERS.search(event.text) and event.reach >= Reach.CALLED:
        level = _by_reach(event, Level.CRITICAL)
        found.append(("flow-leak-by-command", level, "T1041", "hands secrets or the environment to a sending command"))
    if "hidden window" in event.detail:
        found.append(
            ("flow-hidden-window", _by_reach(event, Level.MEDIUM), "T1564.003", "starts a program without a window")
        )
    return found


def _send(event: Event) -> list[Rule]:
    tags, text = event.tags, event.text
    drop = DROP_POINTS.search(text) is not None
    raw = RAW_ADDRESS.search(text) is not None and LOCAL_ADDRESS.search(text) is None
    found: list[Rule] = []
    if Tag.SECRET in tags:
        level = Level.CRITICAL if event.reach >= _EAGER or drop else Level.HIGH if raw else Level.MEDIUM
        level = level if event.reach > Reach.ASIDE else Level.MEDIUM
        found.append(("flow-secret-leak", level, "T1552.001", "sends secret files away"))
    if Tag.WALLET in tags and _FIXED_HOST.search(text) and event.reach > Reach.ASIDE:
        found.append(("flow-wallet-leak", Level.CRITICAL, "T1657", "sends the keys of a wallet away"))
    if Tag.ENV_ALL in tags:
        level = _by_reach(event, Level.CRITICAL)
        found.append(("flow-environment-leak", level, "T1082", "sends the environment away"))
    if Tag.HOST_INFO in tags and event.reach is Reach.INSTALL and not tags & HOST:
        found.append(("flow-host-ping", Level.HIGH, "T1082", "tells somebody what machine this is"))
    if tags & _HIDING and Tag.LITERAL in tags and event.reach >= Reach.CALLED and Tag.NET not in tags:
        level = Level.HIGH if event.reach >= _EAGER else Level.MEDIUM
        found.append(("flow-hidden-address", level, "T1027.010", "talks to an address hidden in the source"))
    if tags & SPYING:
        what = ", ".join(sorted(tags & SPYING))
        found.append(("flow-spying", _sent(event, Level.CRITICAL, drop), "T1113", f"sends what it saw of {what} away"))
    if Tag.COMMAND in tags and event.name.endswith(("send", "sendall", "sendto", "post", "urlopen", "request", "get")):
        sure = event.file.endswith(".py") or event.reach is Reach.INSTALL
        level = _sent(event, Level.CRITICAL if drop or raw or sure or Tag.NET in tags else Level.HIGH, drop)
        found.append(("flow-command-leak", level, "T1041", "sends the output of commands away"))
    if Tag.ENV_SECRET in tags and (event.reach >= _EAGER or drop):
        level = Level.CRITICAL
        found.append(("flow-token-leak", level, "T1552.007", "sends a secret of the environment away"))
    if Tag.FILE in tags and Tag.SECRET not in tags and event.reach >= _EAGER and "recv" not in event.name:
        sure = event.reach is Reach.INSTALL or event.file.endswith(".py")
        found.append(
            ("flow-file-leak", Level.HIGH if sure else Level.MEDIUM, "T1005", "sends the content of files away")
        )
    hosts = tags & HOST
    if hosts and (event.reach >= _EAGER or drop):
        dns = event.name.startswith(("dns.", "socket.getho", "socket.getaddr"))
        strong = len(hosts) > 1 or drop or dns or event.reach is Reach.INSTALL or Tag.FOLDER in tags
        level = Level.CRITICAL if strong and (drop or event.reach >= _EAGER) else Level.HIGH
        found.append(("flow-host-leak", level, "T1082", f"sends {', '.join(sorted(hosts))} away"))
    if (
        Tag.VISITOR in tags
        and "silent" not in event.detail
        and _FIXED_HOST.search(text)
        and event.reach is Reach.CALLED
    ):
        found.append(("flow-visitor-leak", Level.MEDIUM, "T1041", "passes on what visitors send"))
    hushed = tags & _PERSONAL
    if hushed and "silent" in event.detail and event.reach is Reach.CALLED and _FIXED_HOST.search(text):
        strong = len(hushed) > 1 or bool(hushed & {Tag.CREDENTIAL, Tag.VISITOR, Tag.ENV_SECRET})
        level = Level.CRITICAL if strong and not LOCAL_ADDRESS.search(text) else Level.HIGH
        found.append(("flow-silent-leak", level, "T1041", f"sends {', '.join(sorted(hushed))} away and hides failures"))
    if not found and event.reach >= _EAGER and event.name.rpartition(".")[2] not in ("getaddrinfo", "gethostbyname"):
        unasked = event.reach is Reach.INSTALL
        plain = Level.HIGH if event.file.endswith(".py") else Level.MEDIUM
        level = Level.HIGH if drop or raw else plain if unasked else Level.LOW
        if LOCAL_ADDRESS.search(text):
            level = Level.INFO
        found.append(("flow-network", level, "T1071.001", "talks to the network"))
    elif not found and drop:
        found.append(("flow-drop-point", Level.MEDIUM, "T1567", "talks to a hand-over point used by thieves"))
    return found


def _sent(event: Event, eager: Level, drop: bool) -> Level:
    """Data leaving: grave on import, one step less when called, unless it goes to a drop point."""
    if event.reach >= _EAGER or (drop and event.reach is Reach.CALLED):
        return eager
    known = _DOWNLOADERS.search(event.text) is not None
    return lowered(eager, 1 if known else 2)


def _write(event: Event) -> list[Rule]:
    path, tags = event.text, event.tags
    content = " ".join(event.detail)
    found: list[Rule] = []
    if AUTOSTART.search(path):
        level = _by_reach(event, Level.CRITICAL, 2)
        found.append(("flow-autostart", level, "T1547", "writes where programs start by themselves"))
    elif _DESKTOP.search(path) and event.reach >= _EAGER:
        found.append(("flow-desktop", Level.HIGH, "T1491.001", "writes onto the user's desktop"))
    elif _CLIMBS.search(path) and RUNNABLE.search(path) and event.reach >= _EAGER:
        found.append(("flow-tampering", Level.CRITICAL, "T1554", "changes the files of another package"))
    elif OTHERS.search(path) and event.reach >= _EAGER and tags & {Tag.NET, Tag.DECODE, Tag.LITERAL}:
        found.append(("flow-tampering", Level.CRITICAL, "T1554", "changes the files of another program"))
    elif _HOME_WIDE.match(path) and event.reach >= _EAGER:
        found.append(("flow-home-wide", Level.CRITICAL, "T1486", "changes files all over the user's home"))
    elif RUNNABLE.search(path) and tags & {Tag.NET, Tag.DECODE}:
        level = Level.HIGH if event.reach >= _EAGER else Level.LOW
        level = Level.MEDIUM if "checked" in event.detail and level is Level.HIGH else level
        found.append(("flow-drop", level, "T1105", "writes a fetched or unpacked program"))
    elif TEMPORARY.search(path) and tags & {Tag.NET, Tag.DECODE} and event.reach >= _EAGER:
        found.append(("flow-drop", Level.MEDIUM, "T1105", "writes fetched or unpacked data to a temporary place"))
    if (known := attack(content)) is not None and known.level is Level.CRITICAL:
        found.append(
            (
                f"flow-writes-{known.rule}",
                _by_reach(event, Level.HIGH),
                known.tactic,
                f"writes a script that {known.reason}",
            )
        )
    if Tag.SECRET in tags and not SECRETS.search(path) and event.reach >= _EAGER:
        found.append(("flow-secret-copy", Level.MEDIUM, "T1074", "copies secret files"))
    return found


def _unpickle(event: Event) -> list[Rule]:
    if Tag.NET in event.tags:
        level = _by_reach(event, Level.CRITICAL, 3)
        return [("flow-remote-pickle", level, "T1105", "unpickles what the network answered (pickles can run code)")]
    if Tag.LITERAL in event.tags and event.tags & _HIDING and event.reach >= _EAGER:
        return [("flow-hidden-pickle", Level.HIGH, "T1027.010", "loads objects or code hidden in a long literal")]
    return []


def _native(event: Event) -> list[Rule]:
    if event.tags & {Tag.NET, Tag.DECODE, Tag.LITERAL, Tag.CHARS}:
        level = _by_reach(event, Level.CRITICAL)
        return [("flow-shellcode", level, "T1055", "puts machine code into memory and runs it")]
    level = Level.LOW if event.name.endswith("CFUNCTYPE") else Level.MEDIUM
    return [("flow-native", _by_reach(event, level), "T1055", "calls what is used to run code from memory")]


def _registry(event: Event) -> list[Rule]:
    return [("flow-autostart", _by_reach(event, Level.CRITICAL, 2), "T1547.001", "sets itself to start with Windows")]


def _connect(event: Event) -> list[Rule]:
    raw = RAW_ADDRESS.search(event.text.strip()) is not None and LOCAL_ADDRESS.search(event.text) is None
    if event.reach >= _EAGER:
        level = Level.HIGH if raw else Level.LOW if "WebSocket" in event.name else Level.MEDIUM
        return [("flow-connect", level, "T1095", "opens a connection")]
    return []


def _delete(event: Event) -> list[Rule]:
    if event.reach >= _EAGER and (
        event.text.strip() in ("~", "/", "$HOME", "~/", "/*") or _HOME_WIDE.match(event.text)
    ):
        return [("flow-wipe", Level.CRITICAL, "T1485", "deletes the user's files")]
    return []


def _hide(event: Event) -> list[Rule]:
    return [("flow-keylogger", _by_reach(event, Level.HIGH, 2), "T1056.001", "listens to the keyboard")]


def _read_secret(event: Event) -> list[Rule]:
    if event.reach >= _EAGER:
        return [("flow-secret-read", Level.HIGH, "T1552.001", "reads places in which secrets are kept")]
    return []


def _listen(event: Event) -> list[Rule]:
    if event.reach >= _EAGER:
        level = Level.HIGH if event.reach is Reach.INSTALL else Level.MEDIUM
        return [("flow-listen", level, "T1205", "waits for connections from outside")]
    return []


def _page(event: Event) -> list[Rule]:
    if event.reach >= _EAGER and _FIXED_HOST.search(event.text):
        return [("flow-page", Level.HIGH, "T1189", "sends the browser elsewhere or loads a script from there")]
    return []


def _hook(event: Event) -> list[Rule]:
    if _WALLET_HOOK.search(event.name):
        return [
            (
                "flow-wallet-hook",
                _by_reach(event, Level.CRITICAL),
                "T1565.002",
                "puts itself between a page and a wallet",
            )
        ]
    if event.name.startswith("environment.") and event.reach >= _EAGER:
        return [("flow-preload", Level.CRITICAL, "T1574.006", "has every program started later load a file")]
    if event.name.startswith("sys.modules[") and event.reach >= _EAGER:
        return [("flow-module-swap", Level.HIGH, "T1574", "puts itself in the place of another module")]
    watching = event.name.startswith(("sys.set", "sys.std"))
    level = Level.MEDIUM if event.reach >= _EAGER and not watching else Level.LOW
    return [("flow-hook", level, "T1056", "puts itself in front of another module's function")]


def _import(event: Event) -> list[Rule]:
    if event.reach >= _EAGER:
        level = Level.CRITICAL if _STRONG_MODULES.match(event.text) else Level.HIGH
        return [("flow-hidden-import", level, "T1027", "hides the name of a module it loads")]
    return []


def _clipboard(event: Event) -> list[Rule]:
    return [("flow-clipboard", _by_reach(event, Level.CRITICAL, 4), "T1115", "changes the clipboard")]


def _silent(_event: Event) -> list[Rule]:
    return []


_RULES: dict[Sink, Callable[[Event], list[Rule]]] = {
    Sink.EXEC: _exec,
    Sink.SPAWN: _spawn,
    Sink.SEND: _send,
    Sink.CONNECT: _connect,
    Sink.WRITE: _write,
    Sink.UNPICKLE: _unpickle,
    Sink.NATIVE: _native,
    Sink.REDIRECT: _silent,
    Sink.REGISTRY: _registry,
    Sink.DELETE: _delete,
    Sink.SCHEDULE: _silent,
    Sink.HIDE: _hide,
    Sink.READ_SECRET: _read_secret,
    Sink.LISTEN: _listen,
    Sink.PAGE: _page,
    Sink.HOOK: _hook,
    Sink.IMPORT: _import,
    Sink.CLIPBOARD: _clipboard,
}


def _together(events: list[Event]) -> list[Finding]:
    """Events that are a reverse shell, or a drop and its start, only beside one another."""
    scopes: dict[tuple[str, str], dict[Sink, Event]] = defaultdict(dict)
    for event in events:
        scopes[event.file, event.scope].setdefault(event.sink, event)
    findings = []
    for acts in scopes.values():
        if {Sink.REDIRECT, Sink.CONNECT, Sink.SPAWN} <= acts.keys():
            event = acts[Sink.REDIRECT]
            level = Level.CRITICAL if event.reach >= Reach.CALLED else Level.MEDIUM
            rule = ("flow-reverse-shell", level, "T1059", "connects out and hands its input and output to a shell")
            findings.append(_finding(event, rule))
    return [*findings, *_across(events)]


def _across(events: list[Event]) -> list[Finding]:
    """What is done unasked in one package: secrets read and the network spoken to; functions hooked and reported."""
    eager = [event for event in events if event.reach >= _EAGER]
    out = [event for event in eager if event.sink is Sink.SEND and not LOCAL_ADDRESS.search(event.text)]
    secrets = [event for event in eager if event.sink is Sink.READ_SECRET]
    findings = []
    if out and secrets:
        rule = ("flow-secret-and-network", Level.CRITICAL, "T1552.001", "reads secrets and talks to the network")
        findings.append(_finding(secrets[0], rule))
    listened = [event for event in eager if event.sink is Sink.HIDE]
    if out and listened:
        rule = ("flow-keylogger", Level.CRITICAL, "T1056.001", "listens to the keyboard and talks to the network")
        findings.append(_finding(listened[0], rule))
    sent: dict[str, bool] = {}
    for event in events:
        if event.sink in (Sink.SEND, Sink.CONNECT) and event.reach > Reach.ASIDE:
            fixed = _FIXED_HOST.search(event.text) is not None and not LOCAL_ADDRESS.search(event.text)
            sent[event.file] = sent.get(event.file, False) or fixed
    for event in eager:
        if event.sink is Sink.HOOK and sent.get(event.file):
            level = Level.CRITICAL if _SENSITIVE_HOOK.search(event.name) else Level.HIGH
            rule = ("flow-hook-and-network", level, "T1056", "hooks a function and talks to a fixed address")
            findings.append(_finding(event, rule))
    if out:
        written = {event.text for event in eager if event.sink is Sink.WRITE and len(event.text.strip("\ufffc/.~")) > 3}
        for event in eager:
            if event.sink is Sink.SPAWN and any(path in event.text for path in written):
                hidden = TEMPORARY.search(event.text) or _HIDDEN_FILE.search(event.text)
                level = Level.CRITICAL if hidden else Level.MEDIUM
                rule = ("flow-dropper", level, "T1105", "writes a program and runs it, with the network at hand")
                findings.append(_finding(event, rule))
    return findings
